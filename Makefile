# Two commands for a fresh machine with Rust >= 1.95, Node >= 20 and a C compiler; make test also needs Python 3:
#   make demo   three rounds end to end, on a local chain
#   make test   the checks that every change needs

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The npm wrapper serves as solc where no native build can be downloaded; with your own Foundry, plain `forge` works.
FORGE = FOUNDRY_SOLC=$(CURDIR)/scripts/solc.mjs $(firstword $(wildcard node_modules/@foundry-rs/forge-*/bin/forge))
STAMP := node_modules/.package-lock.json

# Where tools that only some targets need are installed.
TOOLS := $(CURDIR)/target/tools

.PHONY: help demo up test test-rust test-signers test-telemetry test-contracts test-wasm test-pages test-gateways test-alerts test-fvm gas-filecoin services pages lint artifacts check-artifacts differential \
	chaos bench bench-instructions fuzz fuzz-build docs deny hack measure-build measure-idle dist publish-dry-run gas prove slither coverage mutants audit clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

# Not `npm ci`: it requires the lock file to list Foundry's binaries for every platform, which registries with only some of
# them cannot provide. `install --no-save` installs the locked versions and does not change the lock file.
$(STAMP): package.json package-lock.json
	npm install --no-save --ignore-scripts --no-audit --no-fund
	@touch $@

# Not the release build, which takes twice as long: the demo's computations are optimised in this one too.
demo: $(STAMP) ## build, then run the demo; options: make demo ARGS="--stations 600 --seed 7"
	cargo build --locked -p assize-lab
	$(DEBUG)/assize-lab demo $(ARGS)

up: $(STAMP) ## build, then run a network of processes in real time; options: make up ARGS="--checkers 60 --rounds 2"
	cargo build --locked -p assize-lab
	$(DEBUG)/assize-lab up $(ARGS)

# One selection of packages and features for clippy, tests, documentation tests and whatever else make test builds: cargo unites
# the features of what is selected together, so another selection would compile most dependencies again.
TESTED := --workspace --locked --features assize-cli/evmnet,assize-cli/plots,assize-lab/plots
# Where cargo puts what it builds in the dev profile.
DEBUG = $(or $(CARGO_TARGET_DIR),target)/debug

# The fuzzing of the contracts has no deadlines, so it runs beside clippy; the tests in real time have the machine for themselves.
test: differential ## the checks that every change needs; .github/workflows/ci.yml has more
	$(MAKE) -j2 lint-rust test-contracts
	$(MAKE) lint-contracts check-artifacts test-wasm test-rust test-pages test-gateways
	@echo "make test: all passed"

.PHONY: lint-rust lint-contracts
lint: lint-rust lint-contracts ## formatting, lints and architecture, Rust and Solidity

lint-rust:
	cargo fmt --all --check
	cargo clippy $(TESTED) --all-targets -- -D warnings
	@# What users build has fewer features than TESTED.
	cargo check --locked -p assize-cli -p assize-lab

lint-contracts: $(STAMP)
	$(FORGE) fmt --check
	$(FORGE) lint --deny warnings
	node scripts/check-links.mjs
	node scripts/architecture.mjs --check

# contracts/gas has the gas of each step; a run with another result fails, and names it.
test-contracts: $(STAMP) differential ## contracts: sizes, gas, unit, fuzz, invariant and differential tests
	$(FORGE) build --sizes
	ASSIZE_DIFFERENTIAL=required FOUNDRY_PROFILE=ci FORGE_SNAPSHOT_CHECK=true $(FORGE) test

gas: $(STAMP) ## write contracts/gas, and the tables of docs/gas.md
	$(FORGE) test --match-contract GasTest
	node scripts/gas-tables.mjs

# The cases change every day; make differential SEED=2026-11-21 repeats those of a day.
SEED ?= $(shell date -u +%F)
differential: ## 10 000 random committees and tasks for the contracts to derive again; 10 000 damaged reports for JavaScript to read again
	cargo build --quiet $(TESTED) --example differential --example mutated_reports
	$(DEBUG)/examples/differential cache/differential $(SEED)
	$(DEBUG)/examples/mutated_reports cache/reports.ndjson $(SEED)
	node scripts/reports.mjs cache/reports.ndjson

test-wasm: ## the browsers' crates build for wasm
	@rustc --print target-libdir --target wasm32-unknown-unknown | xargs -I% test -d % \
	  || rustup target add wasm32-unknown-unknown
	cargo check --locked --target wasm32-unknown-unknown -p assize-protocol -p assize-wasm

check-artifacts: $(STAMP) ## the committed ABI, bytecode, storage layout and vectors match their sources, and the alerts their metrics
	$(FORGE) build --force contracts/src
	node scripts/export-abi.mjs --check
	node scripts/storage-layout.mjs --check
	node scripts/gas-tables.mjs --check
	node scripts/vectors.mjs --check
	node --test scripts/canonical.test.mjs scripts/alerts.test.mjs
	python3 scripts/verify_round_test.py
	node scripts/build-pages.mjs --check

artifacts: $(STAMP) ## write crates/chain/abi and contracts/storage from the Solidity sources
	$(FORGE) build --force contracts/src
	node scripts/export-abi.mjs
	node scripts/storage-layout.mjs

pages: ## build docs/pages, which verify and claim in a browser
	wasm-bindgen --version 2>/dev/null | grep -qx 'wasm-bindgen 0.2.130' \
	  || cargo install --quiet --root $(TOOLS) --version 0.2.130 wasm-bindgen-cli
	PATH=$(TOOLS)/bin:$$PATH node scripts/build-pages.mjs

# PostgreSQL comes from the system's packages; without these servers, the tests that need them print SKIPPED.
services: ## from PyPI: an S3 server (moto), DuckDB for the success rates, schemathesis for the api's OpenAPI document
	test -x $(TOOLS)/moto/bin/moto_server || { \
	  python3 -m venv $(TOOLS)/moto && $(TOOLS)/moto/bin/pip install --quiet --disable-pip-version-check 'moto[server]==5.2.5'; }
	test -e $(TOOLS)/duckdb/ready || { \
	  python3 -m venv $(TOOLS)/duckdb && $(TOOLS)/duckdb/bin/pip install --quiet --disable-pip-version-check 'duckdb==2.0.0' \
	    && touch $(TOOLS)/duckdb/ready; }
	test -x $(TOOLS)/schemathesis/bin/schemathesis || { \
	  python3 -m venv $(TOOLS)/schemathesis \
	    && $(TOOLS)/schemathesis/bin/pip install --quiet --disable-pip-version-check 'schemathesis==4.32.5'; }

# Skipped without a browser; CI requires one.
CHROMIUM ?= $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
test-pages: $(STAMP) ## docs/pages in headless Chromium, the claim page against a real anvil
	@if [ -n "$(CHROMIUM)" ] || [ -n "$${ASSIZE_REQUIRE_SERVICES:-}" ]; then \
	  cargo build $(TESTED) --example claims \
	    && CHROMIUM=$(or $(CHROMIUM),/usr/bin/chromium) node --test tests/verifier/verifier.test.mjs tests/claim/claim.test.mjs; \
	else \
	  echo "test-pages: SKIPPED, Chromium is not installed: apt-get install chromium, or set CHROMIUM=…"; \
	fi

# Installed separately: five hundred packages that `make demo` does not need.
GATEWAYS := tests/gateways/node_modules/.package-lock.json
$(GATEWAYS): tests/gateways/package.json tests/gateways/package-lock.json
	npm ci --prefix tests/gateways --ignore-scripts --no-audit --no-fund
	@touch $@
test-gateways: $(GATEWAYS) ## Helia and gateway-lib against the project's gateway and store
	cargo build $(TESTED) --bin assize --example pack
	node --test tests/gateways/gateways.test.mjs

test-rust: $(STAMP) $(GATEWAYS) services ## crates, and end to end against a real anvil
	if cargo nextest --version >/dev/null 2>&1; then \
	  cargo nextest run $(TESTED) && cargo test $(TESTED) --doc; \
	else \
	  cargo test $(TESTED); \
	fi

# A workspace of its own, because the machine is three hundred crates. cargo reads the EVM actor's flags from its directory.
FVM := contracts/fvm
FVM_TESTS = cargo test --locked --manifest-path $(FVM)/Cargo.toml
.PHONY: evm-actor
evm-actor:
	@rustc --print target-libdir --target wasm32-unknown-unknown | xargs -I% test -d % \
	  || rustup target add wasm32-unknown-unknown
	cd $(FVM)/evm-actor && cargo build --release --locked

test-fvm: evm-actor ## the contracts in the real Filecoin VM: payments, hostile recipients, beacons, gas
	cargo fmt --check --manifest-path $(FVM)/Cargo.toml
	$(FVM_TESTS)

gas-filecoin: evm-actor ## write contracts/gas/filecoin.json, and the tables of docs/gas.md
	ASSIZE_WRITE_GAS=1 $(FVM_TESTS) --test gas
	node scripts/gas-tables.mjs

# Separate from test-rust: these features build most of the dependencies again, and the AWS SDK.
test-signers: $(STAMP) services ## optional features: keys on a Ledger (without a device) and in AWS KMS (moto)
	ASSIZE_REQUIRE_SERVICES=1 cargo test --locked -p assize-keys --features ledger,aws-kms --lib --test kms

# Of Debian's package prometheus only promtool is taken; nothing is installed in the system.
PROMTOOL = $(or $(shell command -v promtool),$(TOOLS)/prometheus/usr/bin/promtool)
test-alerts: ## packaging/prometheus: configuration, rules and their unit tests, by promtool
	@test -x "$(PROMTOOL)" || { mkdir -p $(TOOLS)/prometheus && cd $(TOOLS)/prometheus \
	  && apt-get download -qq prometheus && dpkg-deb -x prometheus_*.deb . && rm prometheus_*.deb; }
	$(PROMTOOL) check config packaging/prometheus/prometheus.yml
	$(PROMTOOL) test rules packaging/prometheus/alerts_test.yml

test-telemetry: ## optional features: traces (OTLP) and errors (Sentry), sent to a local collector
	cargo test --locked -p assize-api --features otlp,sentry --lib telemetry
	cargo check --locked -p assize-cli --features otlp,sentry

chaos: $(STAMP) ## the long chaos test: a million measurements, 200 kills; ASSIZE_CHAOS_SEED=… repeats a run
	ASSIZE_CHAOS=long cargo test --locked -p assize-cli --test chaos -- --nocapture

bench: $(STAMP) ## time and memory: derivation, beacons, batches and signatures, publishing, evaluation
	cargo bench --locked -p assize-protocol --bench derivation
	cargo bench --locked -p assize-drand --features blst --bench verification
	cargo bench --locked -p assize-measurement --bench batches
	cargo bench --locked -p assize-publish --bench throughput
	cargo bench --locked -p assize-payout --bench million
	cargo bench --locked -p assize-spark --bench round
	cargo bench --locked -p assize-evaluate --bench round

bench-instructions: ## instructions of derivation, the same on a busy machine; needs valgrind
	cargo install --quiet --root $(TOOLS) --version 0.20.0 gungraun-runner
	PATH=$(TOOLS)/bin:$$PATH cargo bench --locked -p assize-protocol --bench instructions

FUZZ_SECONDS ?= 60
fuzz: ## every parser against random bytes: FUZZ_SECONDS each
	cargo install --quiet --root $(TOOLS) --version 0.13.2 cargo-fuzz
	export PATH=$(TOOLS)/bin:$$PATH RUSTC_BOOTSTRAP=1; \
	  for target in $$(cargo fuzz list); do \
	    mkdir -p target/fuzz-corpus/$$target; \
	    cargo fuzz run $$target target/fuzz-corpus/$$target fuzz/corpus/$$target -- -max_total_time=$(FUZZ_SECONDS) -max_len=16384 -timeout=10; \
	  done

# ── Documentation, supply chain, packages ─────────────────────────────────────────────────────────────────────────────────

fuzz-build: ## compile the fuzz targets, and run each over its committed corpus
	cargo install --quiet --root $(TOOLS) --version 0.13.2 cargo-fuzz
	export PATH=$(TOOLS)/bin:$$PATH RUSTC_BOOTSTRAP=1; \
	  cargo fuzz build && for target in $$(cargo fuzz list); do cargo fuzz run $$target fuzz/corpus/$$target -- -runs=0; done

docs: ## the documentation as a book in target/book, and the API's in target/doc; fails on a broken link
	node --test scripts/check-links.test.mjs
	node scripts/check-links.mjs
	cargo install --quiet --root $(TOOLS) --version 0.5.4 --no-default-features --features search mdbook
	$(TOOLS)/bin/mdbook build
	cargo doc --workspace --no-deps --locked

deny: ## licences, advisories, banned and duplicate dependencies
	cargo install --quiet --root $(TOOLS) --version 0.20.2 cargo-deny
	$(TOOLS)/bin/cargo-deny --workspace check

measure-build: ## CPU seconds and number of crates of a cold `make demo` and a cold release build; needs an idle machine
	bash scripts/measure-build.sh

measure-idle: $(STAMP) ## requests, processor time and log lines of daemons with nothing to do; 15 minutes
	cargo build --locked -p assize-cli
	node scripts/measure-idle.mjs

hack: ## each crate with each of its features, with none, and with all
	cargo install --quiet --root $(TOOLS) --version 0.6.46 cargo-hack
	PATH=$(TOOLS)/bin:$$PATH cargo hack check --locked --workspace --feature-powerset --depth 1 --lib --bins

# Static, so that it runs on any Linux. The C code in it needs a compiler for musl: apt-get install musl-tools.
DIST_TARGET := x86_64-unknown-linux-musl
VERSION = $(shell sed -n '/^\[workspace.package\]/,/^\[/ s/^version = "\(.*\)"/\1/p' Cargo.toml)
dist: ## the assize binary for Linux, static and stripped, with checksums, in target/dist
	@command -v musl-gcc >/dev/null || { echo "make dist: musl-gcc is missing: apt-get install musl-tools" >&2; exit 1; }
	@rustc --print target-libdir --target $(DIST_TARGET) | xargs -I% test -d % || rustup target add $(DIST_TARGET)
	CC_x86_64_unknown_linux_musl=musl-gcc CARGO_PROFILE_RELEASE_STRIP=symbols CARGO_PROFILE_RELEASE_DEBUG=0 \
	  cargo build --release --locked --target $(DIST_TARGET) -p assize-cli
	rm -rf target/dist && mkdir -p target/dist
	tar --owner=0 --group=0 --numeric-owner -czf target/dist/assize-$(VERSION)-$(DIST_TARGET).tar.gz \
	  -C $(CURDIR) LICENSE-APACHE LICENSE-MIT README.md CHANGELOG.md -C $${CARGO_TARGET_DIR:-$(CURDIR)/target}/$(DIST_TARGET)/release assize
	cd target/dist && sha256sum *.tar.gz > SHA256SUMS && cat SHA256SUMS

# Crates for third parties, in the order in which crates.io accepts them.
PUBLISHED := protocol drand facts measurement evaluate bundle keys tls chain store wire verify
publish-dry-run: ## package the crates that third parties use, and build each from its package
	cargo publish --dry-run --locked --allow-dirty $(addprefix -p assize-,$(PUBLISHED))

# Both need a `forge` that builds for them; each gets its own directories, so the project's are not changed.
AUDITORS := $(TOOLS)/audit/bin
audited = PATH=$(CURDIR)/$(dir $(lastword $(FORGE))):$(AUDITORS):$$PATH FOUNDRY_SOLC=$(CURDIR)/scripts/solc.mjs \
	FOUNDRY_OUT=target/$(1)/out FOUNDRY_CACHE_PATH=target/$(1)/cache

$(AUDITORS)/ready:
	python3 -m venv $(TOOLS)/audit
	$(AUDITORS)/pip install --quiet --disable-pip-version-check 'slither-analyzer==0.11.6' 'halmos==0.3.3' && touch $@

prove: export FOUNDRY_TEST = contracts/test/proofs
prove: $(STAMP) $(AUDITORS)/ready ## proofs by halmos (PyPI): the accounting of Rewards, the committees' arithmetic
	$(call audited,halmos) halmos --forge-build-out target/halmos/out --storage-layout generic \
	  --contract RewardsProofsTest --function check_ --solver-timeout-assertion 40s
	$(call audited,halmos) halmos --forge-build-out target/halmos/out \
	  --contract CommitteesProofsTest --match-test '8\(' --solver-timeout-assertion 40s
	$(call audited,halmos) halmos --forge-build-out target/halmos/out \
	  --contract TreeProofsTest --function check_ --solver-timeout-assertion 40s

slither: $(STAMP) $(AUDITORS)/ready ## slither; docs/security.md explains its findings
	$(call audited,slither) slither . --foundry-out-directory target/slither/out

# Without the optimizer and with counters, code is larger and needs more gas.
coverage: $(STAMP) ## lines of contracts/src covered by tests: at least 98 %
	$(FORGE) coverage --no-match-coverage 'node_modules|test|script' --no-match-contract 'Gas|Invariants|Thieves|Differential' \
	  --no-match-test shuffled_size --gas-limit 10000000000 --fuzz-runs 64 --report summary --report lcov --report-file target/lcov.info
	@awk -F: '/^LF:/ { all += $$2 } /^LH:/ { hit += $$2 } \
	  END { printf "coverage: %d of %d lines, %.1f %%\n", hit, all, 100 * hit / all; exit hit < 0.98 * all }' target/lcov.info

mutants: $(STAMP) ## mutation test of Rewards and Rounds; long
	node scripts/mutate.mjs

audit: $(STAMP) slither coverage prove ## all that is too long for every change: ten times the fuzzing, proofs, slither, coverage, mutants
	FOUNDRY_PROFILE=audit $(FORGE) test --no-match-contract GasTest
	$(MAKE) mutants

clean: ## remove what was built
	rm -rf target out cache node_modules
