# make demo   see leadsla work on two practice CRMs (no account needed)
# make test   the whole suite        make quick  without the slow ones
# make check  style, types, imports  make bench  measured work
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test quick check bench format clean

demo: $(READY)
	@$(BIN)/python -m leadsla.demo

test: $(READY)
	$(BIN)/python -m pytest -n auto

quick: $(READY)
	$(BIN)/python -m pytest -n auto -m "not slow"

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)
	$(BIN)/python benchmarks/business_time.py
	$(BIN)/python benchmarks/evaluate.py
	$(BIN)/python benchmarks/first_sync.py
	$(BIN)/python benchmarks/hubspot_calls.py
	$(BIN)/python benchmarks/salesforce_calls.py
	$(BIN)/python benchmarks/learning.py
	$(BIN)/python benchmarks/learning_store.py
	$(BIN)/python benchmarks/learning_export.py

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "leadsla needs Python 3.11 or newer; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Setting up .venv (once) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $(READY)

clean:
	rm -rf .venv build dist *.egg-info
