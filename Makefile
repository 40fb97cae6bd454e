# Two commands do everything, set-up included: make demo, make test. make check runs the linters.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test check experiment clean
demo: $(INSTALLED)
	$(BIN)/nasc-sdk demo $(DEMO)

# Two processes (tests/undisturbed.py), each with one thread: more would only take each other's cores.
test: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 $(TESTS)

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
