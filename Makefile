# Everything a person or a machine does with this repository. `make help` lists it.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build

# Where demo and run listen.
LISTEN ?= 127.0.0.1:8080

# nginx is in /usr/sbin, which is not on everybody's path.
export PATH := $(PATH):/usr/sbin
export CGO_ENABLED := 0

# gin without its MessagePack codec: 6 MB less of a program.
TAGS    := -tags=nomsgpack
GOBUILD := go build $(TAGS)
TOOL    := go tool -modfile=.ci/tools/go.mod
COUNTS  := .cache/tests
TALLY   := bin/tally
NPM     := npm --silent
SPEC    := NODE_OPTIONS="--test-reporter=spec --disable-warning=ExperimentalWarning"

WEB := $(shell find web/src -type f) web/build.mjs web/package-lock.json

##@ Use it

.PHONY: demo
demo: bin/switchboard ## Try it: gateway, stand-in for OpenAI and embedded Redis on LISTEN
	@exec bin/switchboard --demo --listen $(LISTEN)

.PHONY: run
run: bin/switchboard ## Run it: needs OPENAI_API_KEY, REDIS_URL and SWITCHBOARD_API_KEYS
	@exec bin/switchboard --listen $(LISTEN)

##@ Build it

.PHONY: build
build: bin/switchboard bin/simulator bin/loadgen ## All programs, into bin/ (the default)

VERSION ?= $(shell git describe --tags --always --dirty)
RELEASE := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64

.PHONY: release
release: web ## Programs for all platforms, checksums and a bill of materials, into dist/ (VERSION=v1.2.3)
	@rm -rf dist && mkdir -p dist
	@for platform in $(RELEASE); do \
	  name=switchboard_$(VERSION:v%=%)_$${platform/\//_}; echo "== $$name"; \
	  GOOS=$${platform%/*} GOARCH=$${platform#*/} $(GOBUILD) -trimpath -ldflags='-s -w -X main.version=$(VERSION)' -o dist/$$name/switchboard ./cmd/gateway; \
	  cp LICENSE README.md CHANGELOG.md dist/$$name/; \
	  tar -C dist -czf dist/$$name.tar.gz $$name; rm -r dist/$$name; \
	done
	@$(TOOL) cyclonedx-gomod app -json -licenses -main cmd/gateway -output dist/switchboard_$(VERSION:v%=%).cdx.json .
	@cd dist && sha256sum *.tar.gz *.json > SHA256SUMS && cat SHA256SUMS

# go build knows best what is out of date.
.PHONY: bin/switchboard bin/simulator bin/loadgen bin/tally
bin/switchboard: web
	@$(GOBUILD) -o $@ ./cmd/gateway
bin/simulator bin/loadgen:
	@$(GOBUILD) -o $@ ./cmd/$(@F)
bin/tally:
	@$(GOBUILD) -o $@ ./.ci/tally

.PHONY: web
web: web/dist/index.html ## The pages, into web/dist/

web/dist/index.html: $(WEB) | web/node_modules/.package-lock.json
	@cd web && $(NPM) run build

%/node_modules/.package-lock.json: %/package.json %/package-lock.json
	@cd $* && npm ci --loglevel=error --no-audit --no-fund && touch node_modules/.package-lock.json

##@ Check it

.PHONY: test
test: bin/tally ## Everything: linters and all tests
	@rm -rf $(COUNTS)
	@status=0; $(MAKE) --no-print-directory --keep-going checks || status=$$?; \
	$(TALLY) -sum $(COUNTS) || status=$$?; exit $$status

.PHONY: checks
checks: lint test-go test-web test-browser

.PHONY: lint
lint: lint-go lint-web ## Linters only

# What has to build beside the platform of this machine. loadgen stops and measures processes as
# only a Unix can.
CROSS := darwin/arm64 linux/arm64 windows/amd64

.PHONY: lint-go
lint-go: web
	@echo "== gofmt, vet, staticcheck"
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	[ -z "$$unformatted" ] || { echo "not formatted by gofmt:"; echo "$$unformatted"; exit 1; } >&2
	@go vet $(TAGS) ./... ./.ci/tally
	@$(TOOL) staticcheck $(TAGS) ./... ./.ci/tally
	@echo "== Kubernetes manifests"
	@go -C .ci/manifests run . $(abspath $(wildcard examples/kubernetes/*.yaml))
	@echo "== cross-compilation"
	@for platform in $(CROSS); do GOOS=$${platform%/*} GOARCH=$${platform#*/} $(GOBUILD) -o /dev/null ./cmd/gateway ./cmd/simulator; done
	@GOOS=darwin GOARCH=arm64 $(GOBUILD) -o /dev/null ./cmd/loadgen

.PHONY: lint-web
lint-web: bin/switchboard
	@echo "== tsc, biome"
	@cd web && $(NPM) run check

# What Go tests run other projects' JavaScript clients with.
CLIENTS := $(patsubst %/package.json,%/node_modules/.package-lock.json,$(wildcard */conformance/package.json))

.PHONY: test-go
test-go: web bin/tally $(CLIENTS) ## Go tests, under the race detector
	@.ci/needs redis-server=redis-server gcc=gcc,libc6-dev curl=curl nginx=nginx /usr/lib/python3/dist-packages/websockets=python3,python3-websockets
	@echo "== go test -race"
	@CGO_ENABLED=1 go test -race -vet=off -parallel 4 -json ./... | $(TALLY) $(COUNTS)/go

.PHONY: test-web
test-web: web bin/tally ## Unit tests of the pages
	@echo "== unit tests of the pages"
	@cd web && $(SPEC) $(NPM) test | ../$(TALLY) ../$(COUNTS)/web

.PHONY: test-browser
test-browser: bin/switchboard bin/tally ## The pages in Chromium
	@.ci/needs $(if $(CHROMIUM),,chromium=chromium)
	@echo "== the pages in Chromium"
	@cd web && $(SPEC) $(NPM) run test:browser | ../$(TALLY) ../$(COUNTS)/browser

# A folder or a .tgz in the form of https://vuln.go.dev; empty asks there.
VULNDB ?=

.PHONY: vuln
vuln: ## Known vulnerabilities, by govulncheck (VULNDB=folder or .tgz of a database; without it, that of vuln.go.dev)
	@echo "== govulncheck"
	@db="$(VULNDB)"; case "$$db" in \
	  *.tgz | *.tar.gz) rm -rf .cache/vulndb; mkdir -p .cache/vulndb; tar -xzf "$$db" -C .cache/vulndb; db=.cache/vulndb;; esac; \
	[ -z "$$db" ] || [ -d "$$db" ] || { echo "VULNDB: there is no folder $$db" >&2; exit 1; }; \
	$(TOOL) govulncheck $$([ -z "$$db" ] || echo "-db=file://$$(cd "$$db" && pwd)") $(TAGS) ./...

.PHONY: bench
bench: build ## Measure against nginx, and the intake of webhooks; write docs/benchmarks.md (11 minutes, an idle machine)
	@.ci/needs redis-server=redis-server nginx=nginx
	@bin/loadgen bench $(BENCH)
	@bin/loadgen intake $(INTAKE)

.PHONY: bench-full
bench-full: ## bench with its long scenarios: push-to-talk, 500 to 10,000 sessions (two hours, an idle machine)
	@$(MAKE) --no-print-directory bench BENCH="--full $(BENCH)"

.PHONY: trials
trials: build ## Put a fleet under load and take it apart, in modest sizes (6 minutes; TRIALS=--full for the rest)
	@.ci/needs redis-server=redis-server
	@bin/loadgen trial all $(TRIALS)

##@ Else

.PHONY: screenshots
screenshots: bin/switchboard ## Pictures of every screen, light, dark and on a phone, into screenshots/; those of the README into docs/
	@.ci/needs $(if $(CHROMIUM),,chromium=chromium)
	@cd web && $(NPM) run screenshots

.PHONY: clean
clean: ## Remove what was built
	@rm -rf bin dist web/dist .cache

.PHONY: help
help: ## This list
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' Makefile
