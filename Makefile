# Needs Python 3.10, 3.11 or 3.12 and git; everything else is fetched into .venv and the user's cache directory.

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --use-pep517
ARGS ?=

# The first Python of a version that the pins are for.
PYTHON ?= $(shell for python in python3 python3.12 python3.11 python3.10; do \
	$$python -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo $$python && break; done)

# The Spark and the packages of .venv are meant, whatever the shell is set to.
unexport SPARK_HOME SPARK_CONF_DIR PYTHONPATH PYTHONHOME

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint types bench docs package clean java jar

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' Makefile

setup: $(VENV)/.run java jar ## set up everything that a job needs: .venv, a Java if there is none, Deequ's JAR

demo: setup ## generate an example, baseline it, monitor an hour of it, and say what is wrong
	@$(PY) -m model_monitor.cli demo $(ARGS)

test: $(VENV)/.test java jar ## run the tests; ARGS='tests/unit -k kll' chooses some
	@$(PY) -m pytest -n 2 --dist loadfile $(ARGS)

lint: $(VENV)/.test ## check style and format
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@bash -n spark-submit.sh && bash -n .ci/run
	@$(VENV)/bin/hadolint docker/Dockerfile

types: $(VENV)/.test ## check types
	@$(VENV)/bin/mypy

bench: $(VENV)/.test java jar ## run the benchmarks; each prints a ratio against a peer
	@$(PY) benchmarks/__main__.py $(ARGS)

docs: $(VENV)/.test ## check the links and the commands of the documentation
	@$(PY) -m pytest --quiet tests/unit/test_documentation.py

package: $(VENV)/.run ## build the wheel into dist/
	@$(PY) -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	@ls dist/*.whl

clean: ## remove what can be made again
	@rm -rf $(VENV) build dist output model-monitor-demo lib/*.egg-info

java: $(VENV)/.run
	@$(PY) -m model_monitor.runtime.java >/dev/null 2>&1 || { \
		echo "no suitable Java found: installing one into $(VENV)"; $(PIP) -r requirements/java.txt; }
	@$(PY) -m model_monitor.runtime.java >/dev/null

jar: java
	@$(PY) -m model_monitor.runtime.deequ_jar >/dev/null

$(VENV)/.run: requirements/run.txt setup.cfg setup.py pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.10, 3.11 or 3.12 is needed; name one: make PYTHON=/path/to/python3.11"; exit 2; }
	@test -x $(PY) || $(PYTHON) -m venv $(VENV) || { \
		echo "$(PYTHON) can't make virtual environments; install its venv module (Debian: apt install python3-venv)"; exit 2; }
	@echo "installing the run-time libraries into $(VENV) (about 400 MB to download, once)"
	@$(PIP) -r requirements/run.txt
	@$(PIP) --no-deps --editable .
	@touch $@

$(VENV)/.test: requirements/test.txt requirements/constraints.txt $(VENV)/.run
	@echo "installing the libraries for tests and checks into $(VENV)"
	@$(PIP) -r requirements/test.txt
	@touch $@
