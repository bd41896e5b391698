# `make demo` and `make test` do all of their set-up themselves, and are quick the second time.

VENV := .venv
BIN := $(VENV)/bin
MODELS := .cache/models
AZURITE_VERSION := 3.37.0
AZURITE := .cache/azurite
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PACKAGES := api cli core detection postprocessing workers
export PYTHON

# A stamp is a file whose age tells when its part of the set-up was done.
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev
DEMO_MODEL := $(MODELS)/demo.pb
AZURITE_STAMP := $(AZURITE)/.installed-$(AZURITE_VERSION)

.DEFAULT_GOAL := help
.PHONY: help machine demo test test-fast torture fuzz bite images lint types bench serve clean
.DELETE_ON_ERROR:

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(INSTALLED) $(DEMO_MODEL) ## run a job on real photographs through the whole system
	@MEGABATCH_MODEL_FOLDER=$(MODELS) $(BIN)/megabatch demo

test: $(INSTALLED_DEV) $(DEMO_MODEL) $(AZURITE_STAMP) ## run all tests, with real servers
	@scripts/get-chromium
	@scripts/get-promtool
	@scripts/get-peer
	@$(BIN)/python -m pytest -n 3 --dist worksteal

test-fast: $(INSTALLED_DEV) $(DEMO_MODEL) $(AZURITE_STAMP) ## run the tests that start no system
	@scripts/get-chromium
	@scripts/get-promtool
	@$(BIN)/python -m pytest -n 2 -m "not integration"

bite: $(INSTALLED_DEV) ## switch off each protection, and see that a test goes red
	@$(BIN)/python -m tests.bite

fuzz: $(INSTALLED_DEV) ## make up input for SECONDS (60) a target; crashers go to fuzz-crashers/
	@$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),60) $(TARGETS)

images: $(INSTALLED_DEV) $(DEMO_MODEL) ## install and start what the Dockerfiles do, without a container engine
	@$(BIN)/python -m tests.images

lint: $(INSTALLED_DEV) ## check style and layout of the code
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

types: $(INSTALLED_DEV) ## check the types
	@$(BIN)/mypy

bench: $(INSTALLED_DEV) $(DEMO_MODEL) ## measure speed (benchmarks/)
	@for file in benchmarks/[!_]*.py; do \
	    echo "== $$file"; $(BIN)/python -m benchmarks.$$(basename $$file .py) || exit 1; \
	done

torture: $(INSTALLED_DEV) $(DEMO_MODEL) $(AZURITE_STAMP) ## kill the parts of a system, and count what is lost: ROUNDS= KILLS= IMAGES= SEED=
	@$(BIN)/python -m tests.torture $(if $(ROUNDS),--rounds '$(ROUNDS)') \
	    $(if $(KILLS),--kills '$(KILLS)') $(if $(IMAGES),--images '$(IMAGES)') \
	    $(if $(SEED),--seed '$(SEED)')

serve: $(INSTALLED) ## start MegaBatch here: MODEL= a name or file, ROOT= a folder that jobs may read
	@$(BIN)/megabatch serve $(if $(MODEL),--model '$(MODEL)') $(if $(ROOT),--allow-root '$(ROOT)')

clean: ## remove all that set-up, tests and demo made; jobs in megabatch-data/ stay
	rm -rf $(VENV) .cache build megabatch.egg-info
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find $(PACKAGES) tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

# The set-up. `machine` is order-only: it is looked at each time, and makes nothing old.

machine:
	@scripts/check-machine >/dev/null

$(BIN)/python: | machine
	@echo "Making a virtual environment in $(VENV)"
	@$$(scripts/check-machine) -m venv $(VENV)

$(INSTALLED): requirements.txt pyproject.toml | $(BIN)/python
	@echo "Installing the pinned requirements (a minute or two the first time)"
	@$(PIP) install -r requirements.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(INSTALLED_DEV): requirements-dev.txt $(INSTALLED)
	@echo "Installing the tools for working on MegaBatch"
	@$(PIP) install -r requirements-dev.txt
	@touch $@

$(DEMO_MODEL): | $(INSTALLED)
	@echo "Building the demo model in $(MODELS)"
	@MEGABATCH_MODEL_FOLDER=$(MODELS) $(BIN)/megabatch models fetch demo

$(AZURITE_STAMP): | machine
	@echo "Installing Azurite, the Azure storage of the tests, in $(AZURITE)"
	@mkdir -p $(AZURITE)
	@npm install --silent --no-fund --no-audit --ignore-scripts --prefix $(AZURITE) \
	    azurite@$(AZURITE_VERSION)
	@touch $@
