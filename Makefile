# Thin: every target is one line into cargo or a script. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

TARGET := $(or $(CARGO_TARGET_DIR),target)
ENV := $(TARGET)/debug/aigw-env

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Run everything once: environment, charts, gateway, tenants, SDK clients (no AWS account needed)
	@tests/demo/run.sh

.PHONY: test
test: ## Run every test suite, and say how many tests each ran
	@tests/run.sh

.PHONY: bench
bench: ## Measure the forwarder against hand-written functions and other proxies (SMALL=1: calls of 1 KB only; WRITE=1: also into docs/performance.md)
	@tests/bench/run.sh $(if $(WRITE),--write) $(if $(ONE_CORE),--one-core) $(if $(QUICK),--quick) $(if $(SMALL),--small)

.PHONY: bench-scale
bench-scale: functions ## Measure 1 to 5,000 tenants: time against AWS's quotas, calls, CPU; and the memory of the real operator
	cargo build --release --workspace --bins
	$(TARGET)/release/scale
	cargo build --profile image --workspace --bin aigw-operator
	$(TARGET)/release/memory 5000 20 $(TARGET)/image/aigw-operator

.PHONY: fuzz
fuzz: ## Fuzz what the data plane reads of strangers, a minute per target (SECONDS_EACH=3600: an hour)
	@tests/fuzz/run.sh --seconds $(or $(SECONDS_EACH),60) --jobs 2

.PHONY: lint
lint: ## Check formatting, lints, shell scripts, workflows, links between documents, alerts
	cargo fmt --all --check
	cargo fmt --check --manifest-path tests/bench/Cargo.toml
	cargo fmt --check --manifest-path tests/fuzz/Cargo.toml
	cargo fmt --check --manifest-path tests/clients/rust/Cargo.toml
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	@tests/lint/run.sh

.PHONY: up
up: functions ## Bring up a local environment and leave it running; prints the file to source
	cargo build --workspace --bins
	$(ENV) up --operator-binary $(TARGET)/debug/aigw-operator --functions-dir $(or $(AIGW_FUNCTIONS_DIR),target/functions)

.PHONY: down
down: ## Take down what `make up` brought up
	cargo build --workspace --bins
	$(ENV) down

.PHONY: functions
functions: ## Build the zips of both Lambda functions for this machine's architecture
	forwarder/build-functions.sh

.PHONY: docs
docs: ## Write the API reference, docs/reference.md, from the types
	cargo build --workspace --bins
	$(TARGET)/debug/reference

.PHONY: image
image: ## Build the operator's image as an OCI layout in target/image, without a container engine
	operator/image/build.sh

.PHONY: crds
crds: ## Write the custom resource definitions to crds/ and to the chart
	cargo build --workspace --bins
	crds/generate.sh $(TARGET)/debug/aigw-operator
