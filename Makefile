# make demo    the main job on this machine alone, with everything it needs
# make check   while you work: lint, types, the core, what your change touches, a look at each page
# make test    every check
# make run     Recover itself, with the settings of .env
# make lock    the newest versions for requirements/; make newest tries them without locking them
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=

.PHONY: demo test run bench check lint types unit previews pages migration clean lock newest

demo: $(VENV)/.demo
	@$(BIN)/python -m sandbox.demo $(ARGS)

test: $(VENV)/.dev
	@$(MAKE) --no-print-directory lint types unit

check: lint types
	$(BIN)/pytest -n 2 --one-state-per-page tests/browser/test_page_walk.py \
		$$($(BIN)/python tests/support/touched.py) $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/.dev
	$(BIN)/mypy

unit: $(VENV)/.dev
	$(BIN)/pytest -n 2 --dist worksteal $(ARGS)

run: $(VENV)/.run
	$(BIN)/recover check
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/recover migrate
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/honcho start web worker clock

bench: $(VENV)/.dev
	@$(BIN)/python -m bench $(ARGS)

previews: $(VENV)/.run
	$(BIN)/recover emails preview mail-previews

# Contact sheets of every page in every state, in build/pages: a minute to look through.
pages: $(VENV)/.dev
	$(BIN)/pytest tests/browser/page_sheets.py $(ARGS)
	@echo "Look at build/pages/*.png"

migration: $(VENV)/.dev
	@$(BIN)/python tests/support/new_migration.py "$(m)"

clean:
	rm -rf $(VENV) .run build *.egg-info

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' || \
		{ echo "Recover needs Python 3.11 to 3.14: make PYTHON=/path/to/python3.13" >&2; exit 1; }
	@echo "Making a virtual environment ..." >&2
	@$(PYTHON) -m venv $(VENV)

# The locks. Each is installed once, and again when it or pyproject.toml changes. The package itself
# is built with the setuptools of the lock: nothing is fetched that no lock names.
PIP := $(BIN)/pip install -q --disable-pip-version-check

$(VENV)/.%: requirements/%.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing Recover and what $< names ..." >&2
	@$(PIP) --require-hashes -r $< >&2
	@$(PIP) --no-deps --no-build-isolation -e . >&2
	@touch $@ $(WITHIN)

$(VENV)/.dev: WITHIN := $(VENV)/.demo $(VENV)/.run
$(VENV)/.demo: WITHIN := $(VENV)/.run

# Renews every lock: one version for all Pythons and systems. `make lock RENEW=` keeps the versions
# that pyproject.toml still admits, and adds what is missing.
UV    := uv==0.13.9
RENEW ?= --upgrade
LOCK   = .run/lock/bin/uv pip compile --quiet $(RENEW) --universal --python-version 3.11 \
	--fork-strategy fewest --generate-hashes --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock" --group build pyproject.toml

lock: $(VENV)/bin/python
	@rm -rf .run/lock
	@$(BIN)/python -m venv .run/lock
	@.run/lock/bin/pip install -q --disable-pip-version-check $(UV)
	$(LOCK) --extra dev -o requirements/dev.txt
	$(LOCK) -c requirements/dev.txt --extra demo -o requirements/demo.txt
	$(LOCK) -c requirements/dev.txt -o requirements/run.txt
	$(LOCK) -c requirements/dev.txt --extra dev --extra evaluation -o requirements/evaluation.txt

# Every check with the newest of everything that pyproject.toml admits, in an environment of its own.
newest:
	@rm -rf .run/newest
	@$(PYTHON) -m venv .run/newest
	@.run/newest/bin/pip install -q --disable-pip-version-check -e '.[dev]' >&2
	@.run/newest/bin/pip freeze --exclude-editable > .run/newest/versions.txt
	@touch .run/newest/.dev .run/newest/.demo .run/newest/.run
	@echo "The versions that are tried: .run/newest/versions.txt" >&2
	@$(MAKE) --no-print-directory VENV=.run/newest test
