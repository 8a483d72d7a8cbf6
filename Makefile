# Commands for people and for CI; `make` alone lists them. Needs Python 3.11 or newer, git and make, nothing else.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run demo test lint format bench crash simulate chaos chaos-mutants figures drill deploy deploy-down deploy-test attack lock clean distclean api worker simulator postbox docs \
	image sbom audit release

# The interpreter that .venv is made of; found when empty.
PYTHON ?=
# Processes of the test suite: a number, or auto for one per core.
TEST_PROCESSES ?= auto
# Further arguments for pytest, for example: make test PYTEST_ARGS="-k payments"
PYTEST_ARGS ?=
# Debian packages that the tests need; installed through apt where that is allowed.
TEST_PACKAGES ?= rabbitmq-server redis-server chromium fonts-lohit-deva nginx prometheus prometheus-alertmanager docker-compose syslog-ng-core

# Of `make chaos`: the first seed, how many in a row, the length of the load in seconds (0 means 180, and longer until
# 10,000 operations are done), a deliberately broken build, and whether payments are checked on a schedule.
SEED ?= 1
SEEDS ?= 1
SECONDS = 0
MUTANT ?=
JANITOR ?= on

# Of `make image` and `make release`: the image's name, the tag that is released, and the parts that must not be missing.
IMAGE ?=
TAG ?=
REQUIRE ?=

export IMAGE TAG REQUIRE
export PYTHON TEST_PROCESSES PYTEST_ARGS TEST_PACKAGES

VENV := .venv
PY := $(VENV)/bin/python
COMPILE := uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
	--no-annotate pyproject.toml

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

run: ## Start the database, the stand-ins, the API and the worker; Ctrl-C stops them
	@scripts/environment.sh runtime
	@exec $(PY) -m app.cli run $(ARGS)

demo: ## Take payments step by step against a running `make run`
	@scripts/environment.sh runtime
	@exec $(PY) -m app.cli demo $(ARGS)

api: ## Start the API alone
	@scripts/environment.sh runtime
	@exec $(PY) -m app.cli api $(ARGS)

worker: ## Start the worker alone
	@scripts/environment.sh runtime
	@exec $(PY) -m app.cli worker $(ARGS)

simulator: ## Start the Razorpay simulator alone
	@scripts/environment.sh runtime
	@exec $(PY) -m razorpay_simulator $(ARGS)

postbox: ## Start the postbox alone: it takes mail and SMS, and shows them
	@scripts/environment.sh runtime
	@exec $(PY) -m postbox $(ARGS)

test: ## Check format, lint, imports and types, then run the whole test suite
	@scripts/environment.sh dev
	@scripts/check.sh all

lint: ## Check format, lint, imports and types
	@scripts/environment.sh dev
	@scripts/check.sh static

format: ## Format the code and apply the safe fixes
	@scripts/environment.sh dev
	@$(VENV)/bin/ruff format
	@$(VENV)/bin/ruff check --fix

crash: ## Let the process die at every step of every money flow, and check what becomes of the money
	@scripts/environment.sh dev
	@exec $(PY) -m tests.crash $(ARGS)

simulate: SEEDS = 20000
simulate: ## Play SEEDS (20000) seeded worlds on every core; a violation prints the seed that repeats it
	@scripts/environment.sh dev
	@exec $(PY) -m tests.simulation --seeds $(SEEDS) $(ARGS)

bench: ## Measure throughput and latency, and draw the picture
	@scripts/environment.sh dev
	@exec $(PY) -m benchmarks.run $(ARGS)

chaos: ## Run the product under faults: SEED=1 SEEDS=1 SECONDS=180 MUTANT= JANITOR=on
	@scripts/environment.sh dev
	@exec $(PY) -m tests.chaos --seed $(SEED) --seeds $(SEEDS) --seconds $(SECONDS) --mutant '$(MUTANT)' \
		$(if $(filter off,$(JANITOR)),--no-janitor,--janitor)

chaos-mutants: ## Run every deliberately broken build; the harness has to catch each
	@scripts/environment.sh dev
	@exec $(PY) -m tests.chaos --mutants

figures: ## Measure how long writes stay away when something dies, and write docs/reliability.md
	@scripts/environment.sh dev
	@exec $(PY) -m tests.chaos.figures

deploy: ## Start the production stack with Docker Compose, or bring it up to date; see docs/guides/deploy.md
	@scripts/deploy.sh up

deploy-down: ## Stop the production stack; data, secrets and certificate stay
	@scripts/deploy.sh down

deploy-test: ## Start the production stack on a real engine, kill its parts under load, and look what is missing (root)
	@scripts/environment.sh dev
	@exec $(PY) -m tests.deploy $(ARGS)

attack: ## Attack a running nginx beside a good client, and compare that client's times
	@scripts/environment.sh dev
	@scripts/packages.sh nginx
	@exec $(PY) -m tests.deploy.attack

drill: COUNT = 100000
drill: ## Save COUNT (100000) payments, restore them into a new replica set, check every invariant, print the times
	@scripts/environment.sh dev
	@exec $(PY) -m tests.backups --count $(COUNT) $(ARGS)

docs: ## Write docs/reference: the OpenAPI document, the Postman collection, the error codes
	@scripts/environment.sh runtime
	@mkdir -p docs/reference
	@written=$$(mktemp) && trap 'rm -f "$$written"' EXIT && \
	write() { $(PY) -m app.cli "$${@:2}" > "$$written" && cat "$$written" > "docs/reference/$$1"; } && \
	write openapi.json openapi && write postman.json openapi --postman && write errors.md error-reference

lock: ## Pin the requirements again (needs uv)
	@command -v uv > /dev/null || { echo "make lock needs uv: install it with pip install uv."; exit 1; }
	$(COMPILE) --extra embedded -o requirements/runtime.txt
	$(COMPILE) --extra queue --extra redis --extra sentry --extra otel -o requirements/image.txt
	$(COMPILE) --extra embedded --extra queue --extra redis --extra sentry --extra otel --group dev -o requirements/dev.txt

image: ## Build the container image (IMAGE=payment-gateway:VERSION)
	@scripts/environment.sh runtime
	@scripts/release.sh image

sbom: ## List every pinned requirement with its hashes in artifacts/release/sbom.cdx.json (CycloneDX)
	@scripts/environment.sh dev
	@scripts/release.sh sbom

audit: ## Ask whether a pinned requirement has a known fault; fails when nobody answers
	@scripts/environment.sh dev
	@scripts/release.sh audit $(ARGS)

release: ## Do everything of a release up to publishing: TAG=v1.2.3 REQUIRE="image audit"
	@scripts/environment.sh dev
	@scripts/release.sh all

clean: ## Remove caches and build leftovers
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.* *.egg-info artifacts
	@find app razorpay_simulator postbox tests benchmarks -type d -name __pycache__ -prune -exec rm -rf {} +

distclean: clean ## Remove the virtual environment too; the data in .data stays
	@rm -rf $(VENV)
