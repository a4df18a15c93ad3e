# `make lab` and `make test` are each the only command needed on a fresh Debian machine with Python and root.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
SHELL := /bin/bash

VENV := .venv
BIN := $(VENV)/bin
# The first interpreter of at least 3.11, if PYTHON does not name one.
PYTHON ?= $(shell for python in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
# One more than the cores of a small machine: tests with real servers wait as much as they compute.
PYTEST_WORKERS ?= 3
# Where servers lie, for somebody who is not root.
export PATH := $(PATH):/usr/sbin:/sbin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
INSTALL := $(PIP) install -qq
# Not PIP_COMPILE: pip reads variables of that form as its own options.
COMPILER ?= pip-compile
LOCK := CUSTOM_COMPILE_COMMAND="make lock" $(COMPILER) --quiet --generate-hashes --strip-extras \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host
# Whole files, in the order that tests/conftest.py gives them.
# inline-snapshot changes files only when asked to; beside xdist it says so in five lines each time.
PYTEST := $(BIN)/python -m pytest --numprocesses $(PYTEST_WORKERS) --dist loadfile --no-loadscope-reorder \
	--inline-snapshot=disable

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1|\2/' | \
		while IFS='|' read -r target text; do printf '  make %-10s %s\n' "$$target" "$$text"; done

.PHONY: setup
setup: $(VENV)/package.stamp ## make .venv/ with everything; quick when nothing changed
	@:

.PHONY: system
system: ## install the programs that the lab and the tests use (apt-get, as root)
	@requirements/system-packages.sh

.PHONY: lab
lab: setup system ## the example estate on this machine: up, validate, plan, apply, plan again, probe, down
	$(BIN)/cemops lab run

.PHONY: test
test: setup system ## every test
	$(PYTEST)

.PHONY: acceptance
acceptance: setup ## look at the applied machines of an estate (testinfra): make acceptance ESTATE=/path/to/estate.yaml
	@if [ ! -f "$(ESTATE)" ]; then echo "say whose machines: make acceptance ESTATE=/path/to/estate.yaml" >&2; exit 1; fi
	@CEMOPS_ACCEPTANCE_ESTATE="$(ESTATE)" $(BIN)/python -m pytest tests/acceptance

.PHONY: payload
payload: ## the Windows payload's cases with a real PowerShell: PWSH=/path/to/pwsh make payload
	@$(or $(PYTHON),python3) tests/payload/run.py

.PHONY: check
check: setup ## lint, types, layers and the fast tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --strict
	$(BIN)/lint-imports
	$(PYTEST) -m "not slow"

.PHONY: bench
bench: setup system ## what plan and apply cost: gateways beside plain pyinfra, Windows machines in requests and bytes, plan files
	$(BIN)/python tests/bench/plan_and_apply.py
	$(BIN)/python -m tests.bench.windows_changes
	$(BIN)/python -m tests.bench.plan_files

.PHONY: lock
lock: ## lock the dependencies of pyproject.toml anew (needs pip-compile and Python 3.11)
	$(LOCK) --upgrade --output-file requirements/runtime.txt pyproject.toml
	$(LOCK) --upgrade --extra dev --constraint requirements/runtime.txt --output-file requirements/dev.txt pyproject.toml

.PHONY: clean
clean: ## remove .venv/ and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .import_linter_cache .hypothesis .pytest_cache dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A .venv/ that no longer runs (its Python is gone) or that was made elsewhere (its programs name their folder)
# is made anew: the stamp holds the place.
ifneq ($(shell $(BIN)/python -c '' 2>/dev/null && cat $(VENV)/requirements.stamp 2>/dev/null),$(CURDIR))
$(shell rm -f $(VENV)/requirements.stamp)
endif

# Each stamp is written last: what an interrupted run left has none, and `--clear` starts over. So .venv/ holds
# what is locked and nothing else.
$(VENV)/requirements.stamp: requirements/dev.txt
	@if [ -z "$(PYTHON)" ]; then echo "cemops needs Python 3.11 or newer: install it, or say make PYTHON=/path/to/python" >&2; exit 1; fi
	@PYTHON="$(PYTHON)" requirements/system-packages.sh venv
	@echo "Making $(VENV)/ with what requirements/dev.txt locks (a minute or so)"
	@"$(PYTHON)" -m venv --clear $(VENV)
	@$(INSTALL) --require-hashes --only-binary :all: -r requirements/dev.txt
	@printf '%s\n' '$(CURDIR)' >$@

$(VENV)/package.stamp: $(VENV)/requirements.stamp pyproject.toml
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@
