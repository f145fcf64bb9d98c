# Two targets for everybody: `make demo` and `make test`. Both set up what they need in .venv, on a fresh machine.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# PyTorch, an oracle of the tests: the version that the figures in the docs were made with.
TORCH ?= torch==2.13.0
ORACLES ?=

.PHONY: demo test lint quick proto clean build/typecheck/omz

demo: $(VENV)/.demo
	$(BIN)/omz quickstart

test: lint
	$(BIN)/python -m pytest
ifndef ORACLES
	@echo "Left out: the comparisons with PyTorch. They run with: make test ORACLES=1"
endif

quick: $(VENV)/.dev
	$(BIN)/python -m pytest -m "not slow"

lint: $(VENV)/.dev build/typecheck/omz
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	MYPYPATH=build/typecheck $(BIN)/mypy -p omz

# mypy finds packages by folder, so it is shown the folders under the names that they are imported by.
build/typecheck/omz:
	@rm -rf $@ && mkdir -p $@
	@cd $@ && ln -s ../../../tools/* ../../../demos ../../../models . && rm -rf __pycache__

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(VENV)/bin/python setup.py pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[int8]"
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python setup.py pyproject.toml $(if $(ORACLES),$(VENV)/.oracles)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev,int8]"
	@touch $@ $(VENV)/.demo

$(VENV)/.oracles: $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$(TORCH)"
	@touch $@

# Needs protoc (Debian: protobuf-compiler). Generated with 3.21, whose output every later runtime reads.
proto:
	protoc --proto_path=tools/converter/caffe --python_out=tools/converter/caffe --pyi_out=tools/converter/caffe caffe.proto

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
