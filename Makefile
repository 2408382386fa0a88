# Every target works from a fresh clone: it sets up what is missing first. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export MLFLOW_DISABLE_TELEMETRY := true

.PHONY: help setup repro test lint ui bench fuzz audit

help: ## What can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/'

setup: .venv/.ready ## Virtual environment, pinned packages, flowshot itself, MLflow store; EXTRAS=rave adds RAVE
ifdef EXTRAS
	@bash scripts/setup.sh $(EXTRAS)
endif

.venv/.ready: pyproject.toml constraints.txt scripts/setup.sh
	@bash scripts/setup.sh

repro: setup ## The plan that params.yaml chooses, from raw audio to the tables in reports/; JOBS=2: side by side
	@python -m flowshot.execution.unchanged || { flowshot check \
	  && $(if $(JOBS),flowshot run --jobs $(JOBS),dvc repro) && python -m flowshot.execution.unchanged --remember; }

lint: setup ## Format, lint and types
	@ruff format --check . && ruff check . && mypy

test: setup lint ## Format, lint, types, and the tests
	@pytest

ui: setup ## The MLflow UI on this machine only; another port: make ui PORT=5001
	@python -m flowshot.cli.store ui $(or $(PORT),5000)

bench: setup ## Measure speed; writes reports/benchmarks.json and benchmarks.md
	@python scripts/bench.py

fuzz: setup ## Feed 10,000 damaged files to the decoders
	@FLOWSHOT_FUZZ_CASES=10000 pytest tests/corpus/test_fuzz_decoder.py

audit: setup ## Known vulnerabilities of the pinned packages (pip-audit, in an environment of its own)
	@uvx pip-audit@2.10.1 --strict --no-deps --disable-pip --progress-spinner off \
	  -r <(sed -E 's/\+[A-Za-z0-9.]+//' constraints.txt)
