# Two commands do everything, set-up included: make demo, make test. make check runs the linters.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test check clean
demo: $(INSTALLED)
	$(BIN)/nasc-sdk demo $(DEMO)

test: $(INSTALLED)
	$(BIN)/pytest $(TESTS)

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) nasc-demo nasc-state .mypy_cache .ruff_cache .pytest_cache

$(INSTALLED): pyproject.toml constraints.txt
	scripts/set-up "$(PYTHON)" "$(VENV)"
	touch $@
