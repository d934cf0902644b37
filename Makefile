# make demo    the main job on this machine alone, with everything it needs
# make test    every check
# make run     Recover itself, with the settings of .env
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=

.PHONY: demo test run bench check lint types unit previews migration clean

demo: $(VENV)/.demo
	@$(BIN)/python -m sandbox.demo $(ARGS)

test: $(VENV)/.dev
	@$(MAKE) --no-print-directory lint types unit

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/.dev
	$(BIN)/mypy

unit: $(VENV)/.dev
	$(BIN)/pytest -n 2 $(ARGS)

run: $(VENV)/.run
	$(BIN)/recover check
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/recover migrate
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/honcho start web worker clock

bench: $(VENV)/.dev
	@$(BIN)/python -m bench $(ARGS)

previews: $(VENV)/.run
	$(BIN)/recover emails preview mail-previews

migration: $(VENV)/.dev
	DATABASE_URL=sqlite:///.run/migration.db $(BIN)/alembic revision --autogenerate -m "$(m)"

clean:
	rm -rf $(VENV) .run build *.egg-info

# Each set of packages is installed once, and again when pyproject.toml changes.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Recover needs Python 3.11 or newer: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "Making a virtual environment ..." >&2
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml | $(VENV)/bin/python
	@echo "Installing Recover ..." >&2
	@$(BIN)/pip install -q --disable-pip-version-check -e . >&2
	@touch $@

$(VENV)/.demo: pyproject.toml | $(VENV)/bin/python
	@echo "Installing Recover and its pretend world ..." >&2
	@$(BIN)/pip install -q --disable-pip-version-check -e '.[demo]' >&2
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	@echo "Installing Recover, its pretend world and its checks ..." >&2
	@$(BIN)/pip install -q --disable-pip-version-check -e '.[dev]' >&2
	@touch $@ $(VENV)/.demo $(VENV)/.run
