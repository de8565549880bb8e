# Everything a developer runs. `make` alone lists it.

PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup tools demo node test prove check bench boards sbom audit lock clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/ready tools ## Install everything into .venv and .tools, without root

# The project itself is built with the setuptools of the lock file, so nothing unlocked is fetched.
.venv/ready: requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "setup: Python 3.11 or newer is needed; try: make $(MAKECMDGOALS) PYTHON=python3.12"; \
		exit 1; }
	@echo "setup: installing the locked Python packages into .venv"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	@touch $@

# Programs that this machine cannot have are named; only in CI does that stop us.
tools:
	@$(PYTHON) tools/debian_tools.py || [ "$$CI" != true ]

demo: .venv/ready ## Run a street of lamps, bins and parking bays (for SECONDS=n)
	@$(BIN)/faubourg-sim demo $(if $(SECONDS),--seconds $(SECONDS))

node: .venv/ready ## Run a FURNITURE=lamp|bin|parking as a process, NUMBER=n, with SET="key=value ..."
	@$(BIN)/python -m tools.run_node $(or $(FURNITURE),lamp) $(or $(NUMBER),1) $(SET)

test: setup ## Run the tests, on CPython and on both MicroPythons
	@$(BIN)/pytest -q -n 2 --dist loadfile

prove: setup ## Run the tests at full size, then break each rule on purpose (long)
	@$(BIN)/pytest -q -n 2 --dist loadfile --hypothesis-profile prove
	@$(BIN)/python -m tools.planted_bugs

check: setup ## Check the style, the generated files and the architecture
	@$(BIN)/pytest -q tests/test_checks.py tests/test_architecture.py

bench: setup ## Measure the committed figures; results in build/bench
	@set -e; for script in tools/bench/*.py; do \
		$(BIN)/python -m tools.bench.$$(basename $$script .py); done

boards: .venv/ready ## Compile each board's image into build/boards
	@$(BIN)/python -m tools.board_images

sbom: .venv/ready ## Write what a gateway runs as CycloneDX JSON into build/sbom.json
	@$(BIN)/python -m tools.sbom

audit: .venv/ready ## Ask whether a locked package has a known vulnerability (needs its source)
	@$(BIN)/python -m tools.audit_dependencies

lock: ## Resolve the dependencies anew into the lock files
	@$(PYTHON) tools/lock.py

clean: ## Remove all that these targets have made, .venv and .tools included
	rm -rf build dist .venv .tools *.egg-info .pytest_cache .hypothesis .ruff_cache
	find . -name __pycache__ -prune -exec rm -r {} +
