# make run · make test · make bench · make setup
PORT ?= 8000
DATA ?= data
LAN ?=
PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.locked
TEST_STAMP := $(VENV)/.locked-test

.PHONY: run test bench setup setup-test lock check

run: setup
	@$(VENV)/bin/absah serve --data "$(DATA)" --port "$(PORT)" $(if $(LAN),--lan)

test: setup-test
	@$(VENV)/bin/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

bench: setup-test
	@$(VENV)/bin/absah bench

setup: $(STAMP)

setup-test: $(TEST_STAMP)

# $(call install,LOCK): uv installs a lock file in seconds; where it cannot be had, pip does the same more slowly.
define install
	@if $(VENV)/bin/python -m pip install -q --disable-pip-version-check uv 2>/dev/null; then \
	  VIRTUAL_ENV=$(VENV) $(VENV)/bin/uv pip install -q --require-hashes -r $(1) && \
	  VIRTUAL_ENV=$(VENV) $(VENV)/bin/uv pip install -q --no-deps --no-build-isolation -e . ; \
	else \
	  $(VENV)/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r $(1) && \
	  $(VENV)/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
endef

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Absah needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Run: make PYTHON=/path/to/python3.11 run")'
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is missing. On Debian or Ubuntu: sudo apt install python3-venv"; exit 1; }
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(call install,requirements.lock)
	@touch $@

$(TEST_STAMP): $(STAMP) requirements-test.lock
	$(call install,requirements-test.lock)
	@touch $@

UV_COMPILE := $(VENV)/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --no-header

lock:
	$(UV_COMPILE) pyproject.toml requirements.build.in -o requirements.lock
	$(UV_COMPILE) --all-extras -c requirements.lock pyproject.toml requirements.build.in -o requirements-test.lock

check: setup-test
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports
