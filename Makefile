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
INPUTS := setup.cfg pyproject.toml tools/lock/dev.txt $(wildcard tools/backend/*.py podexec/_vendor/*.txt)
INTERFACE = $(BIN)/python -I tools/backend/interface.py
INSTALL = $(BIN)/python -I -m pip install --quiet --disable-pip-version-check --no-deps

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
lint: setup ## check with ruff, mypy --strict, the import contracts, and the web interface with tsc and prettier
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(INTERFACE) check

.PHONY: mutate
mutate: setup ## small changes of the core and the executor, and which of them no test notices (ARGS="--seed 2")
	$(BIN)/python -m tools.mutate $(ARGS)

.PHONY: fuzz
fuzz: setup ## feed made-up inputs to everything that reads, for 30 minutes (ARGS="--minutes 2 --seed 7 --only stores")
	$(BIN)/python -m tests.fuzz $(ARGS)

.PHONY: faults
faults: setup ## disturb a whole cluster for DURATION seconds, and check that nothing is lost (DURATION=300 SEED=7)
	@$(PYTHON) -I localmesos/apt.py --install --with zookeeper
	$(BIN)/python -m tests.faults.cluster --duration $(or $(DURATION),300) $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: bench
bench: setup ## run the benchmarks, which docs/performance.md explains (ARGS="scale --quick")
	$(BIN)/python -m bench $(ARGS)

.PHONY: screenshots
screenshots: setup system-tests ## take the pictures of the web interface that docs/ui.md shows
	$(BIN)/python -m tools.screenshots

.PHONY: recording
recording: setup system-tests ## run the commands that README.md shows, and write what they print into it
	$(BIN)/python -m tools.terminal_recording

.PHONY: zipapp
zipapp: setup ## build the executor as one file, build/podexec.pyz
	$(BIN)/python -P -m podexec.zipapp --output build/podexec.pyz

.PHONY: executor
executor: setup ## build the executor as one file that needs no Python, podexec/executor-x86_64
	$(BIN)/python -m tools.static_executor

.PHONY: dist
dist: setup ## build a release into dist/: source archive, wheel, executor, SHA256SUMS
	@rm -rf dist
	@$(BIN)/python -m tools.release

.PHONY: universe
universe: setup ## build a repository for DC/OS from dist/ into dist/universe/ (URL=http://…: where it will be served)
	@$(BIN)/python -m tools.universe --url "$(or $(URL),$(error URL is missing: make universe URL=http://files.example.com/podexec))"

.PHONY: vagrant-payload
vagrant-payload: setup ## build here what `vagrant up` otherwise builds and downloads in its first machine
	$(BIN)/python -m tools.vagrant_payload vagrant/payload

.PHONY: lock
lock: setup ## choose the newest versions that setup.cfg allows, with the SHA-256 of their files (ARGS=--keep: as few new ones as possible)
	@$(BIN)/python -m tools.lock $(ARGS)

.PHONY: audit
audit: setup ## ask the package index for known vulnerabilities of all locked versions
	@$(BIN)/python -m tools.audit

.PHONY: format
format: setup ## format the sources with ruff
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	@$(INTERFACE) format

.PHONY: clean
clean: ## remove build results (not the local Mesos in your cache directory)
	rm -rf .venv .venv-* ui/node_modules ui/.node scheduler/api/ui_files podexec/_vendor/pymesos .coverage* build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.PHONY: setup
setup: $(VENV)/.installed
	@$(INTERFACE)

# The system's packages come first: a virtual environment needs python3-venv.
$(VENV)/.installed: $(INPUTS)
	@echo "podexec: checking the system's packages"
	@$(PYTHON) -I localmesos/apt.py --install
	@echo "podexec: installing into $(VENV) (once)"
	@test -x $(BIN)/python || $(PYTHON) -I -m venv $(VENV)
	@$(INTERFACE) > /dev/null 2>&1 & # beside the rest; at the end of setup it is waited for, and says what went wrong
	@$(INSTALL) --only-binary :all: --require-hashes --requirement tools/lock/dev.txt
	@$(INSTALL) --no-build-isolation --editable .
	@touch $@

.PHONY: system-tests
system-tests:
	@$(PYTHON) -I localmesos/apt.py --install $(addprefix --with ,zookeeper openssl docker-registry skopeo umoci zstd \
		vagrant-libvirt systemd systemd-container mmdebstrap chromium nginx)
