# Builds the function for AWS Lambda.
#
# `sam build` runs `build-ClipExportFunction` by way of deploy/arm64/Makefile or
# deploy/x86_64/Makefile. Which of them, the template's ContextPath says from the Architecture
# parameter, so the code and the function cannot disagree about it.
#
# Needs: Rust (cargo-lambda has rustup add the target's standard library), python3 with venv.
# cargo-lambda and zig, which links for Lambda's glibc on any machine, come from PyPI into a venv
# outside the source, where `sam build` would copy it.

DEPLOY := $(dir $(lastword $(MAKEFILE_LIST)))
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/clip-export

# The glibc of Amazon Linux 2023, which provided.al2023 runs.
GLIBC := 2.34

RUST_TARGET_arm64 := aarch64-unknown-linux-gnu
RUST_TARGET_x86_64 := x86_64-unknown-linux-gnu
RUST_TARGET = $(or $(RUST_TARGET_$(ARCHITECTURE)),$(error ARCHITECTURE is '$(ARCHITECTURE)', and must be arm64 or x86_64))

# The name has the pins' checksum, so that new pins make a new venv.
BUILD_VENV := $(CACHE)/build-$(firstword $(shell cksum <$(DEPLOY)requirements.txt))

.PHONY: build-ClipExportFunction
build-ClipExportFunction: $(BUILD_VENV)/.complete
	PATH="$(BUILD_VENV)/bin:$$PATH" cargo-lambda lambda build --release --locked --bin clip-export \
		--target $(RUST_TARGET).$(GLIBC) --lambda-dir "$(ARTIFACTS_DIR)" --flatten clip-export
	"$(BUILD_VENV)/bin/python" $(DEPLOY)check_bootstrap.py "$(ARTIFACTS_DIR)/bootstrap" $(ARCHITECTURE) $(GLIBC)

$(BUILD_VENV)/.complete:
	python3 -m venv --clear "$(@D)"
	"$(@D)/bin/pip" install --quiet --disable-pip-version-check --requirement $(DEPLOY)requirements.txt
	touch "$@"
