# Two commands do everything, set-up included: make demo, make test. make check runs the linters.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test check experiment clean
demo: $(INSTALLED)
	$(BIN)/nasc-sdk demo $(DEMO)

test: $(INSTALLED)
	$(BIN)/pytest $(TESTS)

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/mypy

# The paper's experiment, with the tables and plots of docs/nasc-vs-hwnas.md, from the benchmarks' files.
experiment: $(INSTALLED)
	$(BIN)/python benchmarks/nasc_vs_hwnas.py $(EXPERIMENT)

clean:
	rm -rf $(VENV) nasc-demo nasc-state nasc-vs-hwnas .mypy_cache .ruff_cache .pytest_cache

$(INSTALLED): pyproject.toml constraints.txt
	scripts/set-up "$(PYTHON)" "$(VENV)"
	touch $@
