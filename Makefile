# Every habit of the project. `make help` lists them.
PYTHON ?= python3
VENV ?= .venv
# What the tests on other Pythons leave out, so that they end in time: the local agent and its fixture, which the tests of
# whole flows use on each, the generators, the clients in other languages, the benchmarks, what a run says of itself, the
# pages, the extras in environments of their own, thousands of calls in threads or in a storm, and trio, where asyncio does
# the same. The newest runs the table of faults as well, those between do not.
ON_ONE := tests/local_agent tests/languages tests/testing tests/packaging/test_generated.py tests/test_benchmarks.py \
	tests/test_deselected.py tests/test_breaking.py tests/docs tests/faults/test_threads.py tests/faults/test_storm.py
NOT_ON_OTHERS := $(ON_ONE:%=--ignore=%) -k 'not trio and not _extra_'
# What is installed to work on the project: all of it, or `test`, what tests alone need.
TOOLS ?= dev
# How many tests run side by side: they wait more than they work.
SIDE_BY_SIDE ?= 4
PYTEST_PARALLEL := -n $(SIDE_BY_SIDE) --dist worksteal
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Hundreds of the tests' processes import the same modules: compiled once, when the first imports them, and not in each.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo test test-docker test-postgres test-browser test-schemathesis test-prism test-others coverage docs-reference clients test-clients fuzz bench check check-breaking test-breaking format generate check-generated lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

$(VENV)/installed: pyproject.toml constraints.txt  # what the SDK and the local agent need to run
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make ... PYTHON=python3.12")'
	$(PYTHON) -m venv --clear $(VENV)
	$(PIP) install pip==26.3
	$(PIP) install --no-compile --constraint constraints.txt --editable '.[local-agent]'
	@touch $@

# The tools, and wheels of the dependencies (as pinned, and as old as is allowed), from which the tests install the
# SDK into clean environments without a network.
$(VENV)/installed-dev: $(VENV)/installed lowest.txt
	$(PIP) install --no-compile --constraint constraints.txt --group $(TOOLS)
	$(PIP) wheel --constraint constraints.txt --wheel-dir $(VENV)/wheelhouse '.[testing]'
	$(PIP) wheel --constraint lowest.txt --wheel-dir $(VENV)/wheelhouse-lowest .
	@touch $@

install: $(VENV)/installed-dev  ## make the virtual environment, which every other target does where it needs one

demo: $(VENV)/installed  ## start a local agent and run a plugin release on it through the SDK
	@$(BIN)/python examples/demo.py

test: $(VENV)/installed-dev  ## run every test that needs nothing else, in parallel
	$(BIN)/pytest $(PYTEST_PARALLEL) $(PYTEST_OPTIONS)

coverage: $(VENV)/installed-dev  ## run them and print what they cover, which takes nearly twice as long
	$(BIN)/pytest $(PYTEST_PARALLEL) --cov --cov-report=term

test-postgres: $(VENV)/installed-dev  ## run the tests that need PostgreSQL, on a server of their own
	scripts/with-postgres --install $(BIN)/pytest $(PYTEST_PARALLEL) -m postgres tests/local_agent tests/test_with_postgres.py

test-docker: $(VENV)/installed-dev  ## run the tests that need a Docker Engine, on one of their own
	scripts/with-dockerd --install $(BIN)/pytest $(PYTEST_PARALLEL) -m docker tests/local_agent tests/test_with_dockerd.py

$(VENV)/installed-browser: $(VENV)/installed-dev
	$(PIP) install --no-compile --constraint constraints.txt --group browser
	@touch $@

LOGO := data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" width="44" height="14"><text y="11" font-size="11">Redocly</text></svg>
docs-reference: $(VENV)/installed-dev  ## make build/reference.html: the contract as one file that needs nothing else
	@mkdir -p build
	scripts/node-tool redocly build-docs openapi/agent.yaml --inlineBundle --output build/reference.html
	@# The bundle would fetch its maker's logo.
	@sed -i -E 's#https://cdn[.]redoc[.]ly/redoc/logo-mini(-full)?[.]svg#$(LOGO)#g' build/reference.html
	@echo "build/reference.html: $$(wc -c <build/reference.html) bytes"

test-browser: $(VENV)/installed-browser docs-reference  ## try the pages in Chromium; pictures of them go to build/docs-page.png and build/reference.png
	@SYNAPSE_TEST_CHROMIUM=$$(scripts/chromium --install) || exit; export SYNAPSE_TEST_CHROMIUM; $(BIN)/pytest -m browser tests/local_agent tests/test_reference_in_browser.py

$(VENV)/installed-fuzz: $(VENV)/installed-dev
	$(PIP) install --no-compile --constraint constraints.txt --group fuzz
	@touch $@

test-schemathesis: $(VENV)/installed-fuzz  ## have Schemathesis ask a local agent for about half a minute, with a fixed seed
	$(BIN)/python -m tests.schemathesis --seed 1 --max-examples 100

test-prism: $(VENV)/installed-dev  ## make every call of the SDK through Prism, which holds both sides to the contract
	scripts/node-tool prism --version
	$(BIN)/pytest -m prism tests/test_prism.py

fuzz: $(VENV)/installed-fuzz  ## have Schemathesis ask for ten minutes, with a seed of its own, which it prints
	$(BIN)/python -m tests.schemathesis --max-examples 200 --max-time 600

test-others:  ## run the tests on each other Python from 3.11 on that this machine has, but for the local agent's own
	@own=$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	newest=$$(scripts/pythons | tail -n 1 | cut -d ' ' -f 1); \
	scripts/pythons | while read -r version python; do \
	  if [ "$$version" = "$$own" ]; then continue; fi; \
	  echo "== Python $$version"; \
	  table=$$([ "$$version" = "$$newest" ] || echo --ignore=tests/faults); \
	  $(MAKE) test PYTHON=$$python VENV=.venv-$$version TOOLS=test PYTEST_OPTIONS="$(NOT_ON_OTHERS) $$table" </dev/null || exit 1; \
	done

$(VENV)/installed-clients: $(VENV)/installed-dev
	$(PIP) install --no-compile --constraint constraints.txt --group clients
	@touch $@

client-%: $(VENV)/installed-clients  # make the client of one language in build/clients/, such as client-go
	$(BIN)/python -m clients make $*

clients: $(VENV)/installed-clients  ## make a client in every language, in build/clients/ (make client-go: in one)
	$(BIN)/python -m clients make

test-clients: $(VENV)/installed-clients  ## prove them against a local agent: make test-clients, or make test-clients CLIENTS='go rust'
	$(BIN)/python -m clients test $(CLIENTS)

$(VENV)/installed-bench: $(VENV)/installed-dev  # what the SDK is measured beside
	$(PIP) install --no-compile --constraint constraints.txt --group bench
	@touch $@

bench: $(VENV)/installed-bench  ## measure the SDK beside others: make bench, or make bench BENCH='calls pages'
	$(BIN)/python -m benchmarks $(BENCH)

check: $(VENV)/installed-dev check-generated  ## lint, types, the contract, the generated code
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/openapi-spec-validator openapi/agent.yaml
	scripts/node-tool redocly lint --config openapi/redocly.yaml openapi/agent.yaml

check-breaking: $(VENV)/installed-dev  ## fail when the contract changed and its version does not say how much
	scripts/check-breaking

test-breaking: $(VENV)/installed-dev  ## show that this finds what breaks, and lets pass what does not, which needs Go
	@command -v go >/dev/null || { echo "what check-breaking finds was not tested: it needs Go 1.26 or newer" >&2; exit 69; }
	go -C tools/oasdiff tool oasdiff --version  # compiled here, where no test waits for it
	$(BIN)/pytest -m go tests/test_breaking.py

format: $(VENV)/installed-dev  ## lay the code out
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

generate: $(VENV)/installed-dev  ## make generated/ from openapi/agent.yaml
	scripts/generate

check-generated: $(VENV)/installed-dev  ## fail with the difference when generated/ is not what the contract gives
	scripts/check-generated

lock: $(VENV)/installed-dev  ## pin what is installed now, for every later installation
	$(PIP) freeze --exclude-editable | grep -v '^pip==' > constraints.txt

clean:  ## remove what make made, but for generated/
	rm -rf .venv .venv-* build dist .coverage .mypy_cache .pytest_cache .ruff_cache tools/node_modules clients/*/node_modules clients/rust/*/target clients/rust/*/Cargo.lock
