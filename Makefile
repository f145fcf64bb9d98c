# Two targets for everybody: `make demo` and `make test`. Both set up what they need in .venv, on a fresh machine.

PYTHON ?= python3
# PyTorch, an oracle of the tests: the version that the figures in the docs were made with.
TORCH ?= torch==2.13.0
ORACLES ?=
# With LOWEST=1: the oldest versions that pyproject.toml admits, in an environment of their own.
LOWEST ?=
# Processes that run tests side by side: a number, or `logical` for the processor's.
JOBS ?= logical

VENV := .venv$(if $(LOWEST),-lowest)
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
INSTALL := $(PIP) install --upgrade --upgrade-strategy eager
CONSTRAINTS := $(if $(LOWEST),$(CURDIR)/$(VENV)/constraints.txt)
ifdef LOWEST
# In the environment, so that they hold for the build, and for what tests install as well.
export PIP_CONSTRAINT := $(CONSTRAINTS)
export PIP_BUILD_CONSTRAINT := $(CONSTRAINTS)
endif
# An editable installation leads to links in build/; a room without one asks for it anew.
ROOMS := $(filter-out __pycache__,$(notdir $(wildcard tools/*)))
LINKS := $(notdir $(wildcard build/editable/omz/*))
SOURCES := setup.py pyproject.toml $(if $(filter-out $(LINKS),$(ROOMS)),links)

.PHONY: demo test lint quick proto clean links

demo: $(VENV)/.demo
	$(BIN)/omz quickstart

# Types are those of the newest packages, and so is style.
test: $(if $(LOWEST),$(VENV)/.dev,lint)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile
ifndef ORACLES
	@echo "Left out: the comparisons with PyTorch. They run with: make test ORACLES=1"
endif

quick: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "not slow"

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p omz

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(CURDIR)/$(VENV)/constraints.txt: $(VENV)/bin/python pyproject.toml tests/versions.py
	$(BIN)/python tests/versions.py > $@

$(VENV)/.demo: $(VENV)/bin/python $(SOURCES) $(CONSTRAINTS)
	$(INSTALL) --editable ".[int8]"
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python $(SOURCES) $(CONSTRAINTS) $(if $(ORACLES),$(VENV)/.oracles)
	$(INSTALL) --editable ".[dev,int8]"
	@touch $@ $(VENV)/.demo

$(VENV)/.oracles: $(VENV)/bin/python $(CONSTRAINTS)
	$(PIP) install "$(TORCH)"
	@touch $@

# Needs protoc (Debian: protobuf-compiler). Generated with 3.21, whose output every later runtime reads.
proto:
	protoc --proto_path=tools/converter/caffe --python_out=tools/converter/caffe --pyi_out=tools/converter/caffe caffe.proto

clean:
	rm -rf .venv .venv-lowest build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
