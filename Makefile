# What people type, and what CI calls. `make serve` and `make test` need Python 3.11, make and the network only.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
CONFIG ?= ray_configs/embedded.yaml
PORT ?= 8000
HOST ?= 127.0.0.1
BIN := .venv/bin
export OMP_WAIT_POLICY := PASSIVE
export GOMP_SPINCOUNT := 0

.PHONY: help install serve stop restart status logs test test-unit test-cluster check format bench lock
.DEFAULT_GOAL := help

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 16

install: ## make .venv and install the lock (seconds when nothing changed)
	@$(PYTHON) deployments/launch/install.py

serve: install ## start every service; PORT=, HOST=, CONFIG= choose others
	@$(BIN)/sensorium serve --config $(CONFIG) --port $(PORT) --host $(HOST)

stop: install ## end what `make serve` started
	@$(BIN)/sensorium stop

restart: stop serve ## stop, then serve

status: install ## services and replicas
	@$(BIN)/sensorium status

logs: install ## the end of every log
	@$(BIN)/sensorium logs

test: install ## all tests
	@$(BIN)/pytest $(PYTEST_ARGS)

test-unit: install ## the tests that start no Ray
	@$(BIN)/pytest tests/unit $(PYTEST_ARGS)

test-cluster: install ## several Ray nodes on this machine: autoscaling, GPU shares, what fails when something dies
	@$(BIN)/pytest tests/cluster -m cluster $(PYTEST_ARGS)
	@$(BIN)/pytest tests/serve -m cluster $(PYTEST_ARGS)

check: install ## format, lint, types, import arrows
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: install ## format and fix
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: install ## benchmarks: ratios in one run; leave the machine alone meanwhile
	@$(BIN)/python -m tests.benchmarks

lock: install ## resolve pyproject.toml anew into the lock files
	@$(BIN)/python -m deployments.launch.lock
