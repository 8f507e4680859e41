# Two commands set everything up on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
RUN    := $(VENV)/.installed-run
DEV    := $(VENV)/.installed-dev
BENCH  := $(VENV)/.installed-bench
CLIENTS := .venv-clients
PIP    := $(BIN)/python -m pip --quiet --disable-pip-version-check install
UV     ?= uv
WORKERS ?= auto

# Everything comes from the lock, by hash; the project itself is linked in, so that an edit is live.
define install
	$(PIP) --require-hashes -r $(1)
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@
endef

.DEFAULT_GOAL := help
.PHONY: help run test lint types layers format lock prices bench clients clean

help: ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Tallygate needs Python 3.11 or newer; try: make PYTHON=python3.12 run"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "No venv module; on Debian: apt-get install python3-venv"; exit 1; }

$(RUN): deploy/requirements.lock pyproject.toml | $(VENV)/bin/python
	$(call install,deploy/requirements.lock)

$(DEV): deploy/requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	$(call install,deploy/requirements-dev.lock)

$(BENCH): deploy/requirements-bench.lock pyproject.toml | $(VENV)/bin/python
	$(call install,deploy/requirements-bench.lock)

run: $(RUN) ## start the proxy on the embedded engine
	$(BIN)/tallygate serve

test: $(DEV) lint ## linters, types, layers and every test
	$(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder

lint: $(DEV) ## ruff, mypy strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(DEV) ## let ruff mend what it can
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

lock: ## resolve the dependencies anew into deploy/*.lock (needs uv)
	$(UV) pip compile pyproject.toml --group build --universal --python-version 3.11 --generate-hashes --no-header -q -U -o deploy/requirements.lock
	$(UV) pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-header -q -U -c deploy/requirements.lock -o deploy/requirements-dev.lock
	$(UV) pip compile pyproject.toml --group bench --universal --python-version 3.11 --generate-hashes --no-header -q -c deploy/requirements-dev.lock -o deploy/requirements-bench.lock
	$(UV) pip compile --group pyproject.toml:clients --universal --python-version 3.11 --generate-hashes --no-header -q -U -o deploy/requirements-clients.lock

clients: $(CLIENTS)/.installed ## agents and libraries that the end-to-end tests run
	npm ci --prefix tests/e2e/agents --no-audit --no-fund --silent

$(CLIENTS)/.installed: deploy/requirements-clients.lock
	@$(PYTHON) -m venv $(CLIENTS)
	$(CLIENTS)/bin/python -m pip --quiet --disable-pip-version-check install --require-hashes -r $<
	@touch $@

prices: $(DEV) ## make the price table anew from the pinned genai-prices
	$(BIN)/python -m tests.support.make_prices

bench: $(BENCH) ## interleaved with nginx and Envoy: CPU per request (PEERS=1 adds LiteLLM)
	$(BIN)/python -m tests.bench

clean: ## remove the environment and caches, keep state and configuration
	rm -rf $(VENV) $(CLIENTS) .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
