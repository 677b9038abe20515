# Needs only make and Python 3.11 or newer with venv. `make` lists what there is.
# Works with GNU make 3.81 (macOS) and in folders with spaces: every path below is relative.

PYTHON ?= python3
PORT ?= 8080
ARGS ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
LOCKED := .venv/.locked
INSTALLED := .venv/.installed
PANDAS2 := .venv-pandas2/.installed
DRT := .venv-drt/.installed
PANDAS2_TESTS := tests/unit/source tests/unit/mapping tests/unit/ledger tests/unit/write_back tests/e2e/test_windows.py
WAREHOUSES := .venv-warehouses/.installed
WAREHOUSES_TESTS := tests/unit/source tests/unit/write_back
LOCK_OPTIONS := --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

AIRFLOW ?=
OTHER := .venv-airflow-$(AIRFLOW)

.DEFAULT_GOAL := help
ROUNDS ?= 500
ROWS ?= 10000
SEED ?= 1

.PHONY: help setup demo up test quick test-fab test-pandas2 test-warehouses check bench torture fairness history fuzz fleet test-compose lock clean

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: $(INSTALLED) ## build .venv from requirements-dev.lock (the other targets do it by themselves)
	@echo ".venv is ready: $$($(BIN)/python -V)"

demo: $(INSTALLED) ## run the whole way once: warehouse -> Airflow -> local Kombo -> ids written back
	@exec $(BIN)/python -m include.demo.run

up: $(INSTALLED) ## Airflow's UI on 127.0.0.1:8080 with the demo loaded, until Ctrl-C (PORT=8081 for another port)
	@exec $(BIN)/python -m include.demo.up --port $(PORT)

test: $(if $(AIRFLOW),$(OTHER)/.installed,$(INSTALLED)) ## the whole test suite, two files at a time, with branch coverage (ARGS="-k name" for a part, AIRFLOW=3.3.1 for another Airflow)
	@$(if $(AIRFLOW),$(OTHER)/bin,$(BIN))/python -m pytest $(if $(ARGS),$(ARGS),-n 2 --dist loadfile --no-loadscope-reorder --cov)

quick: $(INSTALLED) ## the tests that need under two minutes together, two at a time
	@$(BIN)/python -m pytest -q -n 2 -m "not slow" $(ARGS)

test-fab: .venv-fab/.installed ## who may see and do what on the page, with FAB's roles and logins, in an environment of its own
	@.venv-fab/bin/python -m pytest -q tests/ui/test_logins.py $(ARGS)

test-pandas2: $(PANDAS2) ## the tests of what reads, maps and writes tables, with pandas 2
	@PYTHONPATH=plugins .venv-pandas2/bin/python -m pytest $(PANDAS2_TESTS) $(ARGS)

test-warehouses: $(WAREHOUSES) ## the tests of what reads and writes tables, with the dialects of other warehouses and a played Snowflake
	@WAREHOUSES=1 PYTHONPATH=plugins .venv-warehouses/bin/python -m pytest -q $(WAREHOUSES_TESTS) $(ARGS)

check: $(INSTALLED) ## format, lint, types, import boundaries
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(INSTALLED) $(DRT) ## what it costs beside bare loops, the official SDK, drt-core and a mapped task each (a quarter of an hour; ARGS=--quick for a glance)
	@exec $(BIN)/python -m bench $(ARGS)

torture: $(INSTALLED) ## kill and cut many rounds long, on both databases, and stop twenty times with patience (ROUNDS=500 SEED=1; about half an hour; ARGS="--scene 'a zombie'" for one scene)
	@STOPS=20 STOP_LATENCY=20 $(BIN)/python -m pytest -q tests/reliability/test_patient_stops.py
	@exec $(BIN)/python -m tests.reliability.torture --rounds $(ROUNDS) --seed $(SEED) $(ARGS)

fairness: $(INSTALLED) ## a real scheduler for about an hour: no lane's backlog keeps new applicants of others waiting (ARGS="-k backfill" for a part)
	@KOMBO_FAIRNESS=1 $(BIN)/python -m pytest -q -s tests/ui/test_fairness.py $(ARGS)

history: $(INSTALLED) ## 36 months by Airflow's backfill on PostgreSQL, killed once, counted (ROWS=1000000 is the long one)
	@exec $(BIN)/python -m tests.reliability.history --rows $(ROWS)

fuzz: $(INSTALLED) ## rows of all kinds, ROWS=10000 on each database: each ends ready or invalid, Kombo takes what is ready
	@FUZZ_ROWS=$(ROWS) $(BIN)/python -m pytest -q tests/reliability/test_fuzzed_rows.py

fleet: $(INSTALLED) ## sync 100,000 applications of 50 integrations on each database: memory flat, no request too many
	@FLEET_APPLICATIONS=100000 $(BIN)/python -m pytest -q tests/reliability/test_large_fleet.py

test-compose: $(INSTALLED) ## the production shape does its job while it is taken apart (Docker; BRINGS_UP=... names another command for that)
	@tests/compose/with_secrets $(if $(BRINGS_UP),"$(BRINGS_UP)" . --profile sandbox --,tests/compose/brought_up) \
	  $(BIN)/python -m tests.compose.job $(ARGS)

lock: $(INSTALLED) ## resolve requirements*.txt again into the lock files
	$(BIN)/uv pip compile -q $(LOCK_OPTIONS) requirements.txt -o requirements.lock
	$(BIN)/uv pip compile -q $(LOCK_OPTIONS) requirements-dev.txt -o requirements-dev.lock
	$(BIN)/uv pip compile -q $(LOCK_OPTIONS) --no-deps requirements-pandas2.txt -o requirements-pandas2.lock
	$(BIN)/uv pip compile -q $(LOCK_OPTIONS) requirements-warehouses.txt -o requirements-warehouses.lock

clean: ## remove .venv and everything the demo made
	rm -rf .venv .venv-pandas2 .venv-warehouses .venv-drt .venv-fab .venv-airflow-* .demo .mypy_cache .ruff_cache .pytest_cache .coverage .hypothesis .import_linter_cache build dist plugins/*.egg-info

# A stamp is written last, so an interrupted setup is started over. `--no-deps` because the lock names every package
# and pip's hash mode trips over the extra in celery[redis]; `pip check` proves that nothing is missing.
$(LOCKED): requirements-dev.lock
	@command -v "$(PYTHON)" >/dev/null 2>&1 || { \
	  echo "make: '$(PYTHON)' was not found. Install Python 3.11 or newer, or name one: make setup PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "make: Python 3.11 or newer is needed, but '$(PYTHON)' is `"$(PYTHON)" -V 2>&1`. Name another: make setup PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "make: '$(PYTHON)' has no venv module. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Building .venv from requirements-dev.lock (once; one to three minutes) ..."
	@rm -f $(LOCKED) $(INSTALLED)
	@"$(PYTHON)" -m venv --clear .venv
	@$(PIP) install --no-deps --require-hashes --progress-bar off -r requirements-dev.lock >.venv/install.log 2>&1 & \
	  pip=$$!; trap 'kill $$pip 2>/dev/null' INT TERM; \
	  while kill -0 $$pip 2>/dev/null; do \
	    sleep 5; grep -q '^Installing' .venv/install.log && echo "  installing them" \
	      || echo "  $$(grep -c '^Collecting' .venv/install.log) packages fetched"; \
	  done; wait $$pip || { tail -n 20 .venv/install.log >&2; exit 1; }
	@touch $(LOCKED)

$(INSTALLED): $(LOCKED) pyproject.toml
	@$(PIP) install -qq --no-deps --no-build-isolation -e .
	@$(PIP) check >.venv/pip-check.log || { cat .venv/pip-check.log >&2; exit 1; }
	@touch $(INSTALLED)

# Another Airflow with the same pins beside it: without a lock, so that a resolver says what does not go together.
$(OTHER)/.installed: $(INSTALLED) requirements.txt requirements-dev.txt
	@$(BIN)/uv venv -q --clear --seed --python $(BIN)/python $(OTHER)
	@sed 's/^apache-airflow==.*/apache-airflow==$(AIRFLOW)/' requirements.txt >$(OTHER)/requirements.txt
	@sed '/^-r /d' requirements-dev.txt >$(OTHER)/requirements-dev.txt
	@$(BIN)/uv pip install -q --python $(OTHER)/bin/python -r $(OTHER)/requirements.txt -r $(OTHER)/requirements-dev.txt
	@$(BIN)/uv pip install -q --python $(OTHER)/bin/python --no-deps --no-build-isolation -e .
	@touch $@

# FAB's provider brings Flask and forty packages more, which no other test wants.
.venv-fab/.installed: $(INSTALLED) requirements.txt requirements-dev.txt
	@$(BIN)/uv venv -q --clear --seed --python $(BIN)/python .venv-fab
	@$(BIN)/uv pip install -q --python .venv-fab/bin/python -r requirements-dev.txt apache-airflow-providers-fab==3.10.2
	@$(BIN)/uv pip install -q --python .venv-fab/bin/python --no-deps --no-build-isolation -e .
	@touch $@

# What is in .venv, seen from an environment whose own packages come first; the editable install is not seen.
$(PANDAS2) $(WAREHOUSES): .venv-%/.installed: $(INSTALLED) requirements-%.lock
	@$(BIN)/python -m venv --clear --without-pip .venv-$*
	@$(BIN)/python -c 'import pathlib, sys, sysconfig; [own] = pathlib.Path(sys.argv[1]).glob("lib/python*/site-packages"); (own / "of_the_other.pth").write_text(sysconfig.get_path("purelib"))' .venv-$*
	@$(PIP) --python .venv-$*/bin/python install -qq --no-deps --ignore-installed --require-hashes -r requirements-$*.lock
	@touch $@

# A peer of the benchmark; without it the others are measured all the same.
$(DRT): $(INSTALLED) requirements-drt.txt
	@$(BIN)/python -m venv --clear .venv-drt
	@.venv-drt/bin/python -m pip --disable-pip-version-check --no-input install -qq -r requirements-drt.txt \
	  || echo "make: drt-core could not be installed; the benchmark leaves it out" >&2
	@touch $(DRT)
