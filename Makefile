# Everything runs in .venv, which is made from the lock and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp

# Tests start hundreds of programs of ours: without .pyc files each of them is compiled anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: setup demo demo-model test test-slow fuzz coverage lint docs bench clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort

setup: $(STAMP) ## make the virtual environment

$(STAMP): pyproject.toml requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'reviewer needs Python 3.11 or newer: make PYTHON=/path/to/python3.11'; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $(STAMP)

demo: setup ## review the example pull request
	$(BIN)/python examples/demo.py

demo-model: setup ## review it with what a model may say, from a recording
	$(BIN)/python examples/demo.py --model

test: setup ## run the everyday tests
	$(BIN)/python -m pytest -n auto --dist worksteal -m 'not slow'

test-slow: setup ## run the tests that need minutes
	$(BIN)/python -m pytest -n auto --dist worksteal -m slow --durations=15

fuzz: setup ## try 10,000 broken inputs on each parser (FUZZ=2000 for fewer)
	FUZZ=$(or $(FUZZ),10000) $(BIN)/python -m pytest -n auto tests/fuzz

CORE := diff gate config text
coverage: setup ## every branch of the core is tested
	$(BIN)/python -m pytest -m 'not slow' \
		$(CORE:%=--cov=reviewer.%) --cov-branch --cov-report=term-missing --cov-fail-under=100 \
		tests/test_diff.py tests/test_gate.py tests/test_baseline.py tests/test_guard.py \
		tests/test_config.py tests/test_text.py \
		tests/hostile/test_configuration.py tests/hostile/test_shown_text.py

lint: setup ## types, style, coverage of the core
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: setup ## write the generated pages
	$(BIN)/python docs/generate.py

bench: setup ## run every benchmark beside its peer
	$(BIN)/python -m benchmarks

clean: ## remove what the other targets made
	rm -rf $(VENV) .demo dist .coverage* htmlcov
