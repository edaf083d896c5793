# FairMind ML. `make help` lists the commands; every target that needs the environment makes it first.

PYTHON ?= python3.11
VENV := .venv
READY := $(VENV)/.ready
BACKEND_VENV := .venv-backend
BACKEND_READY := $(BACKEND_VENV)/.ready
BACKEND_LOCK := mlops/environment/backend_tests.requirements.lock
BOOTSTRAP_LOCK := mlops/environment/requirements.lock
PYTEST_WORKERS ?= 2
MLFLOW_PORT ?= 5000

export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export UV_COMPILE_BYTECODE := 1
export UV_NO_CONFIG := 1
export UV_NO_PROGRESS := 1
export UV_SYSTEM_CERTS := 1
export VIRTUAL_ENV := $(CURDIR)/$(VENV)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements.lock pyproject.toml $(BOOTSTRAP_LOCK)
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(BOOTSTRAP_LOCK)
	@$(VENV)/bin/uv pip install --quiet --require-hashes -r requirements.lock
	@$(VENV)/bin/uv pip install --quiet --no-deps --editable .
	@touch $@

.PHONY: environment
environment: $(READY) ## Make the virtual environment from the lock files

.PHONY: reproduce
reproduce: $(READY) ## Run the whole pipeline and print the results
	dvc repro
	fairmind models publish
	fairmind results

.PHONY: test
test: test-backend $(READY) ## Run every test but the slow ones
	python -m tests.second_look tests apps/ml -- -m "not slow" -n $(PYTEST_WORKERS) --dist loadfile --no-loadscope-reorder

$(BACKEND_READY): $(BACKEND_LOCK) pyproject.toml $(BOOTSTRAP_LOCK)
	@test -x $(BACKEND_VENV)/bin/python || $(PYTHON) -m venv $(BACKEND_VENV)
	@$(BACKEND_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(BOOTSTRAP_LOCK)
	@$(BACKEND_VENV)/bin/uv pip install --quiet --python $(BACKEND_VENV) --require-hashes -r $(BACKEND_LOCK)
	@$(BACKEND_VENV)/bin/uv pip install --quiet --python $(BACKEND_VENV) --no-deps --editable .
	@touch $@

.PHONY: test-backend
test-backend: $(BACKEND_READY) ## Run the backend's tests where nothing of machine learning is installed
	$(BACKEND_VENV)/bin/python -m tests.second_look apps/backend/tests -- -m "not slow" -n $(PYTEST_WORKERS) \
		--dist loadfile -o filterwarnings=error

.PHONY: test-random
test-random: $(READY) $(BACKEND_READY) ## Run the property tests with new examples
	python -m pytest -m "hypothesis and not slow" --hypothesis-profile=default -n $(PYTEST_WORKERS) --dist loadfile tests apps/ml
	$(BACKEND_VENV)/bin/python -m pytest -m "hypothesis and not slow" --hypothesis-profile=default \
		-o filterwarnings=error apps/backend/tests

.PHONY: test-slow
test-slow: $(READY) ## Run the full-size checks
	python -m pytest -m slow

.PHONY: check
check: $(READY) ## Check style, types and the direction of imports
	ruff check .
	ruff format --check .
	mypy
	lint-imports

.PHONY: format
format: $(READY) ## Put the code into shape
	ruff check --fix .
	ruff format .

.PHONY: docs
docs: $(READY) ## Write the generated documents anew
	python -m tests.architecture.parameters_document
	python -m tests.architecture.estimators_document

.PHONY: serve
serve: $(READY) ## Serve the champion over HTTP
	fairmind serve

.PHONY: evidence
evidence: $(READY) ## Serve registry, evidence and audits over HTTP
	fairmind evidence

.PHONY: backend
backend: $(READY) ## Serve the product's API; model server and evidence service run beside it
	fairmind-backend serve

.PHONY: demo
demo: $(READY) ## Run all three with a loaded example and print what to try
	@test -f mlflow.db || test -n "$$MLFLOW_TRACKING_URI" || $(MAKE) reproduce
	python -m apps.backend.demo

.PHONY: mlflow
mlflow: $(READY) ## Open the tracking store in MLflow's own interface
	mlflow --env-file mlops/mlflow/server.env server --host 127.0.0.1 --port $(MLFLOW_PORT) \
		--backend-store-uri sqlite:///$(CURDIR)/mlflow.db --default-artifact-root $(CURDIR)/mlartifacts

.PHONY: benchmark
benchmark: $(READY) ## Time what users would pick instead, paired in one run
	python -m tests.benchmark.fairness_against_fairlearn
	python -m tests.benchmark.audit_of_a_large_file
	python -m tests.benchmark.pipeline_against_script
	python -m tests.benchmark.fairness_fronts
	python -m tests.benchmark.hyperband_against_random
	python -m tests.benchmark.scorers
	python -m tests.benchmark.explaining
	python -m tests.benchmark.serving
	python -m tests.benchmark.serving.memory
	python -m tests.benchmark.decisions

COMPILE := uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --no-emit-index-url \
	--no-emit-find-links --python-version 3.11

.PHONY: lock
lock: $(READY) ## Resolve the dependencies anew into the lock files
	$(COMPILE) pyproject.toml --extra ml --extra serving --extra backend --extra tracing --extra distributed --extra dev --output-file requirements.lock
	$(COMPILE) pyproject.toml --extra serving --output-file mlops/deployment/requirements.lock
	$(COMPILE) pyproject.toml --extra backend --output-file mlops/environment/backend.requirements.lock
	$(COMPILE) pyproject.toml --extra backend-tests --output-file mlops/environment/backend_tests.requirements.lock
	$(COMPILE) pyproject.toml --extra ml --extra distributed --output-file mlops/environment/distributed.requirements.lock
	$(COMPILE) mlops/environment/requirements.in --output-file $(BOOTSTRAP_LOCK)

.PHONY: clean
clean: ## Remove the environment and the caches of tools (never artifacts or the tracking store)
	rm -rf $(VENV) $(BACKEND_VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
