# `make help` lists the targets. What each runs stands in the README, too.
PYTHON ?= python3
BIN    := .venv/bin
RUN    := $(BIN)/python
export PATH := $(CURDIR)/$(BIN):$(PATH)
.DEFAULT_GOAL := help
.PHONY: help setup conformance lab test check nightly lock bare-machine

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort | awk -F '\t' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: .venv/installed ## install what the project needs into .venv

.venv/installed: requirements.txt
	@$(PYTHON) .ci/preflight.py
	$(PYTHON) -m venv --clear .venv
	awk '/^[a-z]/ {keep = /^uv==/} keep' requirements.txt > .venv/uv.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt
	$(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes --python $(RUN) requirements.txt
	@touch $@

conformance: setup ## bring the embedded lakehouse up, judge it, write the report, stop it (KEEP=1 leaves it up)
	@KEEP=$(KEEP) .ci/conformance

# As the user who called sudo: root leaves nothing of its own in the checkout.
lab: ## the planned containers on this machine: packages that it lacks, then up (needs root)
	$(if $(SUDO_USER),sudo -u $(SUDO_USER) -H) $(MAKE) setup
	PYTHONDONTWRITEBYTECODE=1 $(RUN) -m provisioning.lab install
	PYTHONDONTWRITEBYTECODE=1 $(RUN) -m provisioning up --inventory lab

check: setup ## seconds: lint, types, the harness's own tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pytest suites/selftest -n 2 -q

test: check ## what CI runs: check, then everything once
	@GATE=1 .ci/conformance

nightly: test ## the gate, then many killed `up`s, -n 0 against -n 2, the proof on a bare machine (root)
	$(BIN)/pytest suites/provisioning/test_lab_up.py --kills 20
	.ci/agreement
	.ci/bare-machine

bare-machine: ## prove `make conformance` in a bare Debian 12 root folder, as an ordinary user (needs root)
	.ci/bare-machine

lock: setup ## requirements.in -> requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
		requirements.in -o requirements.txt
