# The menu. `make` alone lists what there is. Everything runs in .venv, which the targets make for themselves.
.DEFAULT_GOAL := help
.PHONY: help setup demo serve worker test prove e2e check format-check lint types contracts fmt bench lock clean
.SUFFIXES:

PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -q
ARGS ?=
WORKERS ?= 2
TESTS ?= tests
BOOTSTRAP := requirements-build.lock requirements-uv.lock pyproject.toml scripts/setup.sh scripts/preflight.py

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.stamp-run ## make .venv: a Python >= 3.11, a C compiler and a network are all it needs

.venv/.stamp-run: requirements.lock $(BOOTSTRAP)
	@PYTHON='$(PYTHON)' sh scripts/setup.sh run

.venv/.stamp-dev: requirements-dev.lock requirements.lock $(BOOTSTRAP)
	@PYTHON='$(PYTHON)' sh scripts/setup.sh dev

demo: .venv/.stamp-run ## replay 1,000 real incidents through the API and show what was promised and kept
	@$(BIN)/rooted demo $(ARGS)

serve: .venv/.stamp-run ## run the API and the worker on the embedded database
	@$(BIN)/rooted serve $(ARGS)

worker: .venv/.stamp-run ## run one more worker
	@$(BIN)/rooted worker $(ARGS)

test: .venv/.stamp-dev ## run the tests (TESTS=path ARGS=… narrow them, WORKERS=0 runs them in one process)
	@$(PYTEST) -n $(WORKERS) --dist worksteal -m 'not prove' $(ARGS) $(TESTS)

prove: .venv/.stamp-dev ## run the long proofs
	@$(PYTEST) -m prove $(ARGS) $(TESTS)

e2e: .venv/.stamp-dev ## try the pages in Chromium, and OAuth with npm's clients (needs node, npm and Chromium)
	@cd tests/e2e && npm ci --silent
	@$(BIN)/python -m tests.e2e.run $(ARGS)

check: format-check lint types contracts test ## everything that CI checks

format-check: .venv/.stamp-dev
	@$(BIN)/ruff format --check --quiet . || { echo 'Badly formatted: run `make fmt`.'; exit 1; }

lint: .venv/.stamp-dev
	@$(BIN)/ruff check --quiet .

types: .venv/.stamp-dev
	@$(BIN)/basedpyright

contracts: .venv/.stamp-dev
	@$(BIN)/lint-imports

fmt: .venv/.stamp-dev ## format the code and repair what can be repaired
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: .venv/.stamp-dev ## measure, and print ratios
	@for each in $(filter-out __init__,$(basename $(notdir $(wildcard bench/*.py)))); do \
		echo "== bench/$$each.py"; $(BIN)/python -m "bench.$$each" $(ARGS) || exit 1; done

UV_COMPILE := $(BIN)/uv pip compile --quiet --system-certs --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header

lock: .venv/.stamp-dev ## choose versions anew (LOCK_ARGS=--upgrade for the newest)
	$(UV_COMPILE) $(LOCK_ARGS) requirements-build.in -o requirements-build.lock
	$(UV_COMPILE) $(LOCK_ARGS) requirements-uv.in -o requirements-uv.lock
	$(UV_COMPILE) $(LOCK_ARGS) pyproject.toml -o requirements.lock
	$(UV_COMPILE) $(LOCK_ARGS) pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock

clean: ## remove .venv and caches (no data)
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
