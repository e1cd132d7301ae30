# One entry for everything: `make run` shows a pod on a real Mesos, `make test` runs every test. Both set up what they need.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
# In how many processes the tests run: they wait more than they compute.
JOBS ?= 1
# Python is run with -I, or with -P where variables such as PYTHONPATH may matter: a file of yours beside this one that is
# named like a module, such as secrets.py, is not imported.
# What an installation is made from; the sources themselves are used in place.
INPUTS := setup.cfg pyproject.toml $(wildcard compat/http-parser/*.cfg compat/http-parser/*.toml) \
          $(shell find compat/http-parser -name '*.py' 2>/dev/null)

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 15

.PHONY: run
run: setup ## a local Mesos, the scheduler and an example pod; Ctrl-C takes everything down (ARGS="--agents 2")
	@exec $(BIN)/podexec up $(ARGS)

.PHONY: test
test: setup system-tests ## every test, the real Mesos part too (ARGS="tests/core -k upgrade", JOBS=2)
	$(BIN)/python -m pytest $(if $(filter-out 1,$(JOBS)),--numprocesses $(JOBS) --dist loadgroup) $(ARGS)

.PHONY: test-pythons
test-pythons: system-tests ## the tests on every CPython 3.11 to 3.13 found, and on a bare Debian 12 with its own
	@tools/test-pythons $(ARGS)

.PHONY: lint
lint: setup ## ruff, mypy --strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: mutate
mutate: setup ## small changes of the core and the executor, and which of them no test notices (ARGS="--seed 2")
	$(BIN)/python -m tools.mutate $(ARGS)

.PHONY: bench
bench: setup ## measurements; docs/performance.md tells what they mean
	$(BIN)/python -m bench $(ARGS)

.PHONY: zipapp
zipapp: setup ## build/podexec.pyz, the executor in one file
	$(BIN)/python -P -m podexec.zipapp --output build/podexec.pyz

.PHONY: format
format: setup ## let ruff format the sources
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: clean
clean: ## remove what was built here (the local Mesos in your cache directory stays)
	rm -rf .venv .venv-* build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.PHONY: setup
setup: $(VENV)/.installed

# The system's packages come first: without python3-venv there is no virtual environment.
$(VENV)/.installed: $(INPUTS)
	@echo "podexec: checking the system's packages"
	@$(PYTHON) -I localmesos/apt.py --install
	@echo "podexec: installing into $(VENV) (once)"
	@test -x $(BIN)/python || $(PYTHON) -I -m venv $(VENV)
	@$(BIN)/python -I -m pip install --quiet --disable-pip-version-check ./compat/http-parser -e '.[dev]'
	@touch $@

.PHONY: system-tests
system-tests:
	@$(PYTHON) -I localmesos/apt.py --install --with zookeeper --with openssl
