# Sluis: every command that a newcomer, a developer or CI needs. `make` alone lists them.
#
# Stamps in .venv say what is installed: .runtime (what the gateway runs on) and .dev (what its
# tests and checks need besides). Each is made anew when its lock or pyproject.toml changes.
# Paths are relative throughout, so the folder may have spaces in its name.

PYTHON ?= python3
ARGS ?=

VENV := .venv
PY := $(VENV)/bin/python
INSTALL := $(PY) -m pip install --quiet --no-input --disable-pip-version-check
LOCKED := $(INSTALL) --require-hashes --only-binary :all:
RESOLVE := $(VENV)/bin/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-annotate --no-header

# What the person's own shell says about Python must not reach into .venv.
unexport PYTHONHOME PYTHONPATH
export PIP_USER := 0

.DEFAULT_GOAL := help
.PHONY: help setup run demo test check lint format proof decisions lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo '  PYTHON=python3.12 names another Python for setup; ARGS="..." is handed on by'
	@echo '  run, demo, test, proof and lock, as in: make test ARGS="-k merkle -x"'

setup: $(VENV)/.runtime ## make .venv and install the gateway in it, from the lock

run: setup ## set up if needed, then start the gateway and show its main job
	@$(VENV)/bin/sluis run $(ARGS)

demo: setup ## the main job once, from end to end; status 0 only if every step held
	@$(VENV)/bin/sluis demo $(ARGS)

test: $(VENV)/.dev ## the whole test suite
	@$(PY) -m pytest -n auto $(ARGS)
	$(if $(ARGS),,@printf '%s' "$$SLUIS_CI_RUN" > $(VENV)/.tested)

# Within one run of .ci/run, which has just run `make test` on this very tree, the tests are not
# repeated; anywhere else they are.
check: lint ## format, lint, types, imports and tests
	@if [ -n "$$SLUIS_CI_RUN" ] && [ "$$(cat $(VENV)/.tested 2>/dev/null)" = "$$SLUIS_CI_RUN" ]; \
	then echo 'tests: passed earlier in this CI run'; else $(MAKE) --no-print-directory test; fi

lint: $(VENV)/.dev ## format, lint, types and imports, without the tests
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports --no-logo

format: $(VENV)/.dev ## lay the code out as `make check` wants it
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

proof: $(VENV)/.dev ## the long counts: the tests marked `proof`, which `make test` leaves out
	@$(PY) -m pytest -q -s -m proof $(ARGS)

decisions: $(VENV)/.dev ## write docs/decisions.md anew, from tests/consent/decisions.toml
	@$(PY) -m tests.support.scenario_page

lock: $(VENV)/.dev ## resolve both locks anew; ARGS=--upgrade moves to newer versions
	$(RESOLVE) --group dev -o requirements-dev.lock $(ARGS)
	$(RESOLVE) --group build -c requirements-dev.lock -o requirements.lock

clean: ## remove .venv and the caches, never the gateway's data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find schemas consent adapters gateway tests -type d -name __pycache__ -prune -exec rm -rf {} +

# A virtual environment holds absolute paths: after the folder was moved or copied, or when its
# Python is gone, it is made anew.
ifneq ($(shell test -x $(PY) && cat $(VENV)/.place 2>/dev/null),$(CURDIR))
.PHONY: $(VENV)/.place
endif

$(VENV)/.place:
	@command -v '$(PYTHON)' >/dev/null || { echo 'There is no $(PYTHON) here. Sluis needs' \
		'Python 3.11, 3.12 or 3.13: install one, or name it: make setup PYTHON=...' >&2; exit 1; }
	@'$(PYTHON)' -c 'import sys; v = sys.version_info; (3, 11) <= v[:2] < (3, 14) or sys.exit( \
		"$(PYTHON) is Python %d.%d; Sluis needs 3.11, 3.12 or 3.13. Name another one, for example:" \
		" make setup PYTHON=python3.12" % v[:2])'
	@'$(PYTHON)' -c 'import ensurepip, venv' 2>/dev/null || { echo 'This Python cannot make virtual' \
		'environments. On Debian and Ubuntu: apt-get install python3-venv' >&2; exit 1; }
	@echo 'setup: making $(VENV)'
	@'$(PYTHON)' -m venv --clear $(VENV)
	@pwd -P > $@

$(VENV)/.runtime: $(VENV)/.place requirements.lock pyproject.toml
	@echo 'setup: installing the locked packages (about a minute the first time)'
	@$(LOCKED) -r requirements.lock
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	@echo 'setup: installing what the tests and checks need'
	@$(LOCKED) -r requirements-dev.lock
	@touch $@
