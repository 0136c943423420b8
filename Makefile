# Two commands for a fresh machine with Rust >= 1.95, Node >= 20 and a C compiler:
#   make demo   the whole way of three rounds, on a local chain
#   make test   everything that CI checks

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The npm wrapper serves as solc where no native build can be downloaded; with your own Foundry, plain `forge` works.
FORGE = FOUNDRY_SOLC=$(CURDIR)/scripts/solc.mjs $(firstword $(wildcard node_modules/@foundry-rs/forge-*/bin/forge))
STAMP := node_modules/.package-lock.json

.PHONY: help demo test test-rust test-contracts lint artifacts check-artifacts clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

# Not `npm ci`: it wants the lock file to list Foundry's binaries for every platform, and registries that carry only some
# of them make no such lock file. `install --no-save` takes the locked versions and leaves the lock file alone.
$(STAMP): package.json package-lock.json
	npm install --no-save --ignore-scripts --no-audit --no-fund
	@touch $@

demo: $(STAMP) ## build, then run the demo; options: make demo ARGS="--stations 600 --seed 7"
	cargo build --release --locked -p assize-cli
	./target/release/assize demo $(ARGS)

test: lint test-contracts check-artifacts test-rust ## everything that CI checks
	@echo "make test: all passed"

lint: $(STAMP) ## formatting and lints, Rust and Solidity
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	$(FORGE) fmt --check
	$(FORGE) lint --deny warnings

test-contracts: $(STAMP) ## contracts: sizes, unit, fuzz and invariant tests
	$(FORGE) build --sizes
	$(FORGE) test

check-artifacts: $(STAMP) ## the committed ABI and bytecode are those of the Solidity sources
	$(FORGE) build --force contracts/src
	node scripts/export-abi.mjs --check

artifacts: $(STAMP) ## write crates/chain/abi from the Solidity sources
	$(FORGE) build --force contracts/src
	node scripts/export-abi.mjs

test-rust: $(STAMP) ## crates, and end to end against a real anvil
	if cargo nextest --version >/dev/null 2>&1; then \
	  cargo nextest run --workspace --locked && cargo test --workspace --locked --doc; \
	else \
	  cargo test --workspace --locked; \
	fi

clean: ## remove what was built
	rm -rf target out cache node_modules
