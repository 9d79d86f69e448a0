# Needs Python 3.10, 3.11 or 3.12 and git; everything else is fetched into .venv and the user's cache directory.

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --disable-pip-version-check --use-pep517
# The pins of requirements/ with the hashes of their files; pip installs nothing else from there.
HASHED := requirements/hashed
ARGS ?=

# Of the tests; each takes up to 2 GB. One more than the cores of a small machine: many wait for a server now and then.
PROCESSES ?= 3
# Each file that is put in place waits for its disk, and tests put tens of thousands: memory is one, where there are 8 GB of it.
MEMORY := $(shell df -k --output=avail /dev/shm 2>/dev/null | awk 'NR == 2 && $$1 > 8000000 {print "TMPDIR=/dev/shm"}')
PYTEST = $(MEMORY) $(OTHER_JAR) $(RUNS) -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder
# What `make quick` counts a change from: BASE=main for all of a branch.
BASE ?= HEAD
# Tests that ARGS names by their path run wherever they belong.
NAMED = $(findstring tests/,$(ARGS))

# `make test SPARK=4.0` runs them on another Spark than the pinned one, in an environment on top of .venv.
SPARK ?=
RELEASE_4.0 := 4.0.2
RELEASE_4.1 := 4.1.4
RUNS = $(if $(SPARK),.venv-$(SPARK)/bin/python,$(PY))
SPARK_TESTS := tests/unit tests/spark tests/golden tests/golden_open
OTHER_JAR = $(if $(SPARK),$(addprefix MODEL_MONITOR_DEEQU_JAR=,$(wildcard ../shared/jars/deequ_*-spark-$(SPARK).jar)))

# What `make test-wide` tries: a Python each, and behind a + a Spark that is not the pinned one.
WIDE ?= 3.10 3.12 3.11+3.5.1 3.13+4.0.2
WIDE_TESTS := tests/unit tests/golden_open tests/spark/states tests/spark/reading tests/spark/runs

# The first Python of a version that the pins are for.
PYTHON ?= $(shell for python in python3 python3.12 python3.11 python3.10; do \
	$$python -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo $$python && break; done)

# The Spark and the packages of .venv are meant, whatever the shell is set to.
unexport SPARK_HOME SPARK_CONF_DIR PYTHONPATH PYTHONHOME
# Tests start hundreds of Pythons, each of which would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help pins advisories publish-check setup demo demo-fleet test test-all test-whole test-4.0 test-connect test-slow test-wide airflow quick unit mutants lint types bench bench-marks leaderboard leaderboard-peers docs site package licences release-notes release clean java jar classes always

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile

setup: $(VENV)/.run java jar classes ## set up everything that a job needs: .venv, a Java if there is none, Deequ's JAR

demo: setup ## generate an example, baseline it, monitor an hour of it, and say what is wrong
	@$(PY) -m spark_model_monitor demo $(ARGS)

demo-fleet: $(VENV)/.run ## watch twenty made-up models of which two break: one page, one message
	@$(PY) -m spark_model_monitor demo --fleet --output spark-model-monitor-fleet $(ARGS)

test: $(VENV)/.test classes $(SPARK:%=.venv-%/.made) ## run the tests, but for those of test-all; ARGS='tests/unit -k kll' chooses some of all, SPARK=4.0 a Spark
	@$(PYTEST) $(if $(NAMED),,-m "not rest and not slow") $(or $(ARGS),$(if $(SPARK),$(SPARK_TESTS)))

quick: $(VENV)/.test ## lint, and the unit tests that the change reaches, nearest first, for 20 s: BASE=main counts from a commit
	@$(PY) -m tests.quick --base $(BASE) $(ARGS)

unit: $(VENV)/.test ## run all unit tests, and name the slowest; what takes long and can't be cheaper is marked `long`
	@$(PYTEST) --durations=10 -m "not rest and not slow" $(or $(ARGS),tests/unit)

mutants: $(VENV)/.test ## damage the package in forty ways, drawn by --seed, and say which of them `make quick` and `make unit` notice
	@$(PY) -m tests.mutants $(ARGS)

test-all: $(VENV)/.test classes .venv-airflow/.made build/pins/.made ## run what `make test` leaves out: S3, clusters, Airflow, servers, a fresh clone, damaged windows
	@$(PYTEST) -m "rest and not slow" $(ARGS)

test-whole: $(VENV)/.test classes .venv-airflow/.made build/pins/.made ## run both in one go, where what waits for a server leaves its time to others
	@$(PYTEST) $(ARGS)

# On Connect one file holds most tests, which `--dist load` spreads over the processes.
test-4.0 test-connect: .venv-4.0/.made
	@$(MAKE) test SPARK=4.0 PROCESSES=2 $(if $(findstring connect,$@),REMOTE=1 ARGS="tests/spark/engine --dist load",ARGS="tests/golden_open tests/spark/runs")

test-slow: $(VENV)/.test classes .venv-airflow/.made ## run the tests that take minutes each, which nothing else runs
	@$(PY) -m pytest -m slow $(ARGS)

test-wide: $(WIDE:%=build/wide/%/.made) classes ## run unit tests and some of Spark's on other Pythons and another Spark: WIDE='3.10 3.12'
	@set -e; for name in $(WIDE); do \
		echo "testing in build/wide/$$name"; \
		build/wide/$$name/bin/python -m pytest -n $(PROCESSES) --dist loadfile $(or $(ARGS),$(WIDE_TESTS)); done
	@$(MAKE) test SPARK=4.0
	@$(MAKE) test SPARK=4.0 ARGS=tests/jobs/test_tables.py
	@$(MAKE) test SPARK=4.0 REMOTE=1 ARGS=tests/spark
	@$(MAKE) test SPARK=4.1
	@PLUGGED_IN=1 $(PY) -m pytest tests/clients/test_plugged_in.py tests/clients/test_sagemaker_signatures.py tests/clients/test_sail.py tests/clients/test_grounds.py

airflow: .venv-airflow/.made ## make .venv-airflow, where `make test-all` finds the Airflow that the operators are tested in

lint: $(VENV)/.test ## check style and format
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(PY) -m tests.plain --check
	@bash -n spark-submit.sh && bash -n .ci/run
	@$(VENV)/bin/hadolint docker/Dockerfile

types: $(VENV)/.test ## check types
	@$(VENV)/bin/mypy

bench: $(VENV)/.test classes ## run the benchmarks, each beside a peer, and write docs/performance.md
	@$(PY) benchmarks/__main__.py $(ARGS)

bench-marks: $(VENV)/.test ## print the marks of the local engine beside their peers, in three minutes
	@$(PY) benchmarks/marks.py

leaderboard: $(VENV)/.test ## play drift detectors against ours, for eight hours at most, and write docs/leaderboard.md; goes on where it stopped
	@$(if $(findstring --laws,$(ARGS)),,nice) $(PY) benchmarks/leaderboard --page docs $(ARGS)

PEERS := river evidently nannyml alibi
leaderboard-peers: $(PEERS:%=build/leaderboard/%/.made) build/leaderboard/tables/.made ## make the environments of the other detectors, and the real tables (10 GB)

build/leaderboard/tables/.made: benchmarks/requirements-tables.txt benchmarks/leaderboard/real_tables.py $(VENV)/.test
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target build/leaderboard/packages -r $<
	@PYTHONPATH=lib:benchmarks $(PY) benchmarks/leaderboard/real_tables.py build/leaderboard/packages
	@touch $@

build/leaderboard/%/.made: benchmarks/requirements-%.txt
	@rm -rf $(@D) && $(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

docs: $(VENV)/.test ## draw the pictures, write the help, run the notebooks, build the site, and check the links and the commands of the documentation
	@$(PY) -m tests.history_picture docs
	@$(PY) -m tests.help_texts
	@$(PY) -m tests.notebooks
	@$(MAKE) site
	@$(PY) -m pytest --quiet tests/unit/test_documentation.py tests/unit/test_sources.py

site: .venv-docs/.made ## build the documentation into build/site, where a warning is an error
	@.venv-docs/bin/python -m sphinx -q -W -c docs -d build/site-state . build/site
	@echo "the site begins at build/site/docs/index.html"

package: $(VENV)/.run dist/environment.tar.gz ## build into dist/: the wheel, the zip for --py-files, an environment for clusters
	@$(PY) -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	@$(PY) -m spark_model_monitor.spark.launch.package_zip dist
	@ls dist/*.whl dist/*.zip dist/*.tar.gz

licences: $(VENV)/.run ## print the licence of each package that a job installs
	@$(PY) -m tests.licences

# What a release is of, as its heading in CHANGELOG.md names it.
VERSION ?= Unreleased

release-notes: ## print what CHANGELOG.md says of VERSION, by default of what is not released yet
	@awk -v version='$(VERSION)' '/^## / {inside = ($$2 == version); next} inside {print; found = 1} END {exit !found}' CHANGELOG.md

release: package ## publish VERSION on GitHub, by its command gh: the wheel, the zip, the release notes
	@$(MAKE) --silent release-notes > dist/release-notes.md
	@gh release create 'v$(VERSION)' --notes-file dist/release-notes.md dist/*.whl dist/*.zip

# Python's libraries for nodes that have none: a job's own, without Spark's, which the nodes have. In the archive Python is a
# link to this one's place, or into NODE_PREFIX: make package NODE_PREFIX=/usr
NODE_PREFIX ?=
PACKED := build/environment

dist/environment.tar.gz: $(HASHED)/run.txt $(VENV)/.pack $(if $(NODE_PREFIX),always)
	@echo "packing the libraries of requirements/run.txt for clusters (about a minute)"
	@rm -rf $(PACKED) && mkdir -p dist && $(PY) -m venv $(PACKED)
	@awk '/^[a-z]/ {keep = !/^(pyspark|py4j)==/} keep' $(HASHED)/run.txt > $(PACKED)/requirements.txt
	@$(PACKED)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-compile \
		--only-binary :all: -r $(PACKED)/requirements.txt
	@$(PACKED)/bin/python -m pip uninstall --quiet --yes pip
	@$(VENV)/bin/venv-pack --quiet --force --prefix $(PACKED) --output $@ \
		$(if $(NODE_PREFIX),--python-prefix $(NODE_PREFIX))
	@chmod 644 $@

pins: build/pins/.made ## write requirements/hashed/ again: the hashes of all files that requirements/*.txt may install
	@for name in run pack java test airflow connect docs pins; do \
		build/pins/bin/uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-annotate --no-header \
			$$(case $$name in airflow|connect) echo --no-deps;; esac) requirements/$$name.txt --output-file $(HASHED)/$$name.txt || exit; done

advisories: build/pins/.made ## look up known vulnerabilities of what a job installs (asks the public database of advisories)
	@build/pins/bin/pip-audit --require-hashes --disable-pip --requirement $(HASHED)/run.txt --requirement $(HASHED)/java.txt

# Where the wheel is tried; Pythons that aren't here are left out.
PUBLISH ?= 3.10 3.10+pandas==2.2.3+numpy==1.26.4 3.12 3.12+pandas==2.3.3+numpy==2.2.6 3.13 3.13+pandas==3.1.1
publish-check: build/pins/.made $(VENV)/.test ## build what a registry gets, check it, try the wheel in empty environments, refuse placeholders: PUBLISH='3.12 3.12+pandas==2.2.3'
	@$(PY) -m tests.publish $(PUBLISH)

build/pins/.made: $(HASHED)/pins.txt
	@rm -rf $(@D) && $(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $(HASHED)/pins.txt
	@touch $@

clean: ## remove what can be made again
	@rm -rf $(VENV) build dist output spark-model-monitor-demo lib/*.egg-info

java: $(VENV)/.run
	@$(PY) -m spark_model_monitor.spark.launch.java >/dev/null 2>&1 || { \
		echo "no suitable Java found: installing 17.0.9 of 2023 into $(VENV); a system's Java 17 has later fixes and comes first"; $(PIP) -r $(HASHED)/java.txt; }
	@$(PY) -m spark_model_monitor.spark.launch.java >/dev/null

jar: java
	@$(PY) -m spark_model_monitor.spark.launch.deequ_jar >/dev/null

classes: jar
	@$(PY) -m spark_model_monitor.spark.launch.class_archive >/dev/null

$(VENV)/.run: $(HASHED)/run.txt setup.cfg setup.py pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.10, 3.11 or 3.12 is needed; name one: make PYTHON=/path/to/python3.11"; exit 2; }
	@test -x $(PY) || $(PYTHON) -m venv $(VENV) || { \
		echo "$(PYTHON) can't make virtual environments; install its venv module (Debian: apt install python3-venv)"; exit 2; }
	@echo "installing the run-time libraries into $(VENV) (about 450 MB to download, once)"
	@$(PIP) -r $(HASHED)/run.txt
	@$(PIP) --quiet --no-deps --editable .
	@touch $@

.venv-airflow/.made: $(HASHED)/airflow.txt
	@test -n "$(PYTHON)" || { echo "Python 3.10, 3.11 or 3.12 is needed; name one: make PYTHON=/path/to/python3.11"; exit 2; }
	@echo "installing Airflow into .venv-airflow (about 120 MB to download, once)"
	@rm -rf .venv-airflow && $(PYTHON) -m venv .venv-airflow
	@.venv-airflow/bin/python -m pip install --disable-pip-version-check --no-deps --no-compile -r $(HASHED)/airflow.txt
	@touch $@

# pyenv starts the Python that PYENV_VERSION names; other installations don't mind it.
build/wide/%/.made: $(HASHED)/test.txt
	@echo "making build/wide/$*"
	@rm -rf $(@D) && PYENV_VERSION=$(firstword $(subst +, ,$*)) python$(firstword $(subst +, ,$*)) -m venv $(@D)
	@$(@D)/bin/python -m pip install --disable-pip-version-check -r $(HASHED)/test.txt
	@$(if $(findstring +,$*),$(@D)/bin/python -m pip install --disable-pip-version-check pyspark==$(lastword $(subst +, ,$*)))
	@touch $@

# An environment finds in .venv what it lacks itself.
LIBRARIES = $$($(1) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
ABOVE_VENV = echo "import site; site.addsitedir('$(call LIBRARIES,$(PY))')" > $(call LIBRARIES,$(@D)/bin/python)/below.pth

# All of .venv, below a Spark of its own.
.venv-4.%/.made: $(VENV)/.test $(HASHED)/connect.txt
	@echo "installing Spark $(RELEASE_4.$*) into $(@D) (about 430 MB to download, once)"
	@rm -rf $(@D) && $(PY) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps pyspark==$(RELEASE_4.$*) py4j==0.10.9.9
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $(HASHED)/connect.txt
	@$(ABOVE_VENV)
	@touch $@

.venv-docs/.made: $(HASHED)/docs.txt | $(VENV)/.run
	@echo "installing the site's generator into .venv-docs (250 MB on disk)"
	@rm -rf $(@D) && $(PY) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $(HASHED)/docs.txt
	@$(ABOVE_VENV)
	@touch $@

$(VENV)/.pack: $(HASHED)/pack.txt $(VENV)/.run
	@$(PIP) -r $(HASHED)/pack.txt
	@touch $@

$(VENV)/.test: $(HASHED)/test.txt $(VENV)/.run
	@echo "installing the libraries for tests and checks into $(VENV)"
	@$(PIP) -r $(HASHED)/test.txt
	@touch $@
