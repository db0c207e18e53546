# Every habit of the project. `make help` lists them.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help demo test check format generate check-generated clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

$(VENV)/installed: pyproject.toml constraints.txt  # what the SDK and the local agent need to run
	$(PYTHON) -m venv $(VENV)
	$(PIP) install pip==26.3
	$(PIP) install --constraint constraints.txt --editable '.[local-agent]'
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed  # and the tools
	$(PIP) install --constraint constraints.txt --group dev
	@touch $@

demo: $(VENV)/installed  ## start a local agent and run a plugin release on it through the SDK
	@$(BIN)/python examples/demo.py

test: $(VENV)/installed-dev  ## run every test, in parallel, and print the coverage
	$(BIN)/pytest -n auto --cov --cov-report=term

check: $(VENV)/installed-dev check-generated  ## lint, types, the contract, the generated code
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/openapi-spec-validator openapi/agent.yaml

format: $(VENV)/installed-dev  ## lay the code out
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

generate: $(VENV)/installed-dev  ## make generated/ from openapi/agent.yaml
	scripts/generate

check-generated: $(VENV)/installed-dev  ## fail with the difference when generated/ is not what the contract gives
	scripts/check-generated

clean:  ## remove what make made, but for generated/
	rm -rf $(VENV) build dist .coverage .mypy_cache .pytest_cache .ruff_cache
