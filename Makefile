# The one entry: everything here runs on a fresh Debian 12 as root with Rust and make.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

PROFILE ?= release
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
# Where the tests and the demo find what they run: built once, by `make deb PROFILE=lab`.
export PHOENIX_BIN_DIR ?= $(TARGET)/x86_64-unknown-linux-gnu/lab
export PHOENIX_DEB_DIR ?= $(CURDIR)/dist/lab

# Compiler for the link, packaging, the lab's root trees and network.
PACKAGES := gcc libc6-dev dpkg-dev xz-utils debootstrap iproute2
# Only checks and measurements need these.
CHECK_PACKAGES := shellcheck lintian python3-venv
BENCH_PACKAGES := jq perl python3-venv
LAB := cargo run --locked --quiet -p phoenix-tests --bin lab --
# Tests that need this checkout alone; every other file of tests/tests needs the lab.
SOURCE_TESTS := floors dependencies wrapper portainer_double portainer_transcripts portainer_contract portainer_faults
LAB_TESTS := $(filter-out $(SOURCE_TESTS),$(basename $(notdir $(wildcard tests/tests/*.rs))) \
	$(notdir $(patsubst %/main.rs,%,$(wildcard tests/tests/*/main.rs))))
SCRIPTS := packaging/build-deb.sh packaging/hook/usr/share/phoenix/phoenix-hook.sh \
	$(wildcard packaging/*/DEBIAN/p*) .ci/run .ci/suite

.PHONY: help prepare prepare-checks lab-programs build deb deb-lab demo test test-unit test-lab lint fuzz bench bench-stack clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

# Installs those of the given packages that are missing; quiet unless it fails.
define install
	@missing=$$(comm -13 <(dpkg-query -W -f '$${db:Status-Status} $${Package}\n' | sed -n 's/^installed //p' | sort -u) \
		<(printf '%s\n' $(1) | sort)); \
	[ -n "$$missing" ] || exit 0; \
	echo "installing" $$missing; \
	log=$$(mktemp); \
	{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $$missing; } \
		>"$$log" 2>&1 || { tail -n 20 "$$log" >&2; rm -f "$$log"; exit 1; }; \
	rm -f "$$log"
endef

prepare: ## install the Debian packages that are missing (root)
	$(call install,$(PACKAGES))

prepare-checks: prepare
	$(call install,$(CHECK_PACKAGES))

build: prepare ## compile everything for development
	cargo build --locked --workspace --all-targets

deb: prepare ## both Debian packages into dist/ (PROFILE=lab: quicker to build, into dist/lab/)
	PROFILE=$(PROFILE) packaging/build-deb.sh

deb-lab: prepare
	@PROFILE=lab packaging/build-deb.sh

# The lab finds its own programs (pve-double) beside itself.
lab-programs: prepare
	cargo build --locked --quiet -p phoenix-tests --bins

demo: deb-lab lab-programs ## watch a start event turn two bare guests into a Swarm with a stack
	$(LAB) prepare
	$(LAB) demo

test: lint test-unit test-lab ## everything below but bench

lint: prepare-checks ## format, clippy, shell scripts
	@.ci/suite lint bash -euc 'cargo fmt --all --check; \
		cargo clippy --locked --workspace --all-targets -- -D warnings; \
		shellcheck $(SCRIPTS)'

test-unit: prepare ## tests that need nothing but this checkout
	@.ci/suite unit cargo test --locked --no-fail-fast --workspace --exclude phoenix-tests
	@.ci/suite source cargo test --locked --no-fail-fast -p phoenix-tests --lib --bins $(addprefix --test ,$(SOURCE_TESTS))

test-lab: deb-lab lab-programs prepare-checks ## the packages, and black-box tests in light guests (root)
	@.ci/suite lintian lintian --allow-root -E --pedantic --fail-on error,warning,info,pedantic dist/lab/*.deb
	@.ci/suite lab-trees $(LAB) prepare
	@.ci/suite fakepve $(LAB) fakepve || [ $$? -eq 77 ]
	@[ -z "$(LAB_TESTS)" ] || .ci/suite lab cargo test --locked --no-fail-fast -p phoenix-tests $(addprefix --test ,$(LAB_TESTS))

clean: ## what was built; the lab's cache outside the checkout stays
	cargo clean
	rm -rf dist

# The same program runs in `make test` for 10 s a target, always from seed 1.
fuzz: export PHOENIX_FUZZ_SECONDS ?= 600
fuzz: export PHOENIX_FUZZ_SEED ?= $(shell date +%s)
fuzz: prepare ## the stack engine's readers against made-up input, 10 minutes a target (not part of test)
	cargo test --locked --profile fuzz -p phoenix-guest-agent --test stack_fuzz -- --nocapture

bench: deb lab-programs ## the hookscript and the stack engine beside others, into docs/benchmarks.md (not part of test)
	$(call install,$(BENCH_PACKAGES))
	PHOENIX_HOOK=$(TARGET)/x86_64-unknown-linux-gnu/$(PROFILE)/phoenix-hook \
		cargo run --locked --quiet -p phoenix-tests --bin bench_hook
	$(MAKE) bench-stack

# Alone: `make bench-stack BENCH="--only noop,writes --runs 20"`.
bench-stack: deb lab-programs
	$(call install,$(BENCH_PACKAGES))
	PHOENIX_BIN_DIR=$(TARGET)/x86_64-unknown-linux-gnu/$(PROFILE) \
		cargo run --locked --quiet -p phoenix-tests --bin bench_stack -- --docs docs/benchmarks.md $(BENCH)
