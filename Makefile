# `make run` starts a pod on a real Mesos, `make test` runs every test. All targets install what they need.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
# Number of processes that run tests, which wait more than they compute. A few tests take longer to distribute than to run.
JOBS ?= $(if $(ARGS),1,2)
# Python runs with -I, or with -P where variables such as PYTHONPATH must count, so that it does not import a file in this
# folder that has the name of a module, such as secrets.py.
# The inputs of an installation; the sources themselves are used in place.
INPUTS := setup.cfg pyproject.toml $(wildcard compat/http-parser/*.cfg compat/http-parser/*.toml) \
          $(shell find compat/http-parser -name '*.py' 2>/dev/null)

.PHONY: help
help: ## list targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 15

.PHONY: run
run: setup ## run a local Mesos, the scheduler and an example pod; Ctrl-C removes them (ARGS="--agents 2")
	@exec $(BIN)/podexec up $(ARGS)

.PHONY: test
test: setup system-tests ## run all tests, including those on a real Mesos (ARGS="tests/core -k upgrade", JOBS=1)
	$(BIN)/python -m pytest $(if $(filter-out 1,$(JOBS)),--numprocesses $(JOBS) --dist loadgroup) $(or $(ARGS),-p tests.coverage_floor)

.PHONY: test-pythons
test-pythons: system-tests ## run the tests on every installed CPython 3.11 to 3.13 and on a bare Debian 12
	@tools/test-pythons $(ARGS)

.PHONY: lint
lint: setup ## check with ruff, mypy --strict and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: mutate
mutate: setup ## small changes of the core and the executor, and which of them no test notices (ARGS="--seed 2")
	$(BIN)/python -m tools.mutate $(ARGS)

.PHONY: bench
bench: setup ## run the benchmarks, which docs/performance.md explains (ARGS="scale --quick")
	$(BIN)/python -m bench $(ARGS)

.PHONY: zipapp
zipapp: setup ## build the executor as one file, build/podexec.pyz
	$(BIN)/python -P -m podexec.zipapp --output build/podexec.pyz

.PHONY: format
format: setup ## format the sources with ruff
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: clean
clean: ## remove build results (not the local Mesos in your cache directory)
	rm -rf .venv .venv-* .coverage* build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.PHONY: setup
setup: $(VENV)/.installed

# The system's packages come first: a virtual environment needs python3-venv.
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
