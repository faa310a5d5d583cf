# make run     build, and serve on the default ports with data in ./data
# make shop    a shop of services that call one another, with customers; SHOP=legacy as old users of Jaeger have it
# make test    everything that a change has to pass
# make build   one static binary: bin/clew
# make ui      the web pages that build embeds; run and build do it if npm is there
# make bench   what a span costs, and how fast it is found; SPANS=10M for more
# make overhead what it costs a service to be traced, in Go, Python and Node.js
# make fmt     format the sources

GO          ?= go
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME    ?= 5s
SPANS       ?= 1M
SHOP        ?= modern

# Clew, and what programs that are traced by it import.
MODULES := . instrument
# A test in cmd/clew runs it.
EXAMPLE := examples/shop

# The race detector needs a C compiler; without one the tests run without it.
RACE := $(shell command -v "$$($(GO) env CC)" >/dev/null 2>&1 && echo 1 || echo 0)

# The web pages need Node.js; all else is built and tested without them.
NPM    := $(shell command -v npm 2>/dev/null)
IF_NPM  = $(if $(NPM),$(1),@echo "npm is not there: $(2)")

export CGO_ENABLED = 0

.PHONY: run shop build ui test check unit pages journeys fuzz bench overhead fmt

run: build
	./bin/clew serve --data-dir ./data

shop: build
	cd $(EXAMPLE) && $(GO) build -trimpath -o $(CURDIR)/bin/shop/ ./...
	./bin/shop/shop -form $(SHOP) -clew bin/clew -source $(EXAMPLE) -data ./data/shop

build:
	$(call IF_NPM,@$(MAKE) --no-print-directory ui,bin/clew is built without new web pages)
	$(GO) build -buildvcs=auto -trimpath -o bin/clew ./cmd/clew

ui: ui/node_modules/.package-lock.json
	cd ui && npm run --silent build

ui/node_modules/.package-lock.json: ui/package.json ui/package-lock.json
	cd ui && npm ci && touch node_modules/.package-lock.json

test: check unit pages journeys fuzz

check:
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "gofmt would change:"; echo "$$unformatted"; exit 1; }
	@set -e; for m in $(MODULES) $(EXAMPLE); do (set -ex; cd $$m; $(GO) mod tidy -diff; $(GO) vet ./...; $(GO) run $(STATICCHECK) ./...); done

unit: export CGO_ENABLED = $(RACE)
unit:
	@set -e; for m in $(MODULES); do (set -ex; cd $$m; $(GO) test $(if $(filter 1,$(RACE)),-race) -timeout 30m ./...); done

pages:
	$(call IF_NPM,@$(MAKE) --no-print-directory ui,the web pages are not tested)
	$(call IF_NPM,cd ui && npm run --silent check && npm run --silent test,the web pages are not tested)

# The pages in a browser, against the program as it is built.
journeys: build
	$(call IF_NPM,{ [ -n "$$CHROMIUM" ] || .ci/need chromium; } && cd ui && npm run --silent journeys,no journey through the web pages is tested)

fuzz:
	.ci/fuzz $(FUZZTIME)

bench: build
	$(GO) run ./bench run --clew bin/clew --spans $(SPANS)
	$(GO) run ./bench faces --clew bin/clew

overhead:
	$(GO) test ./bench/overhead -run '^$$' -bench . -benchtime 1x -timeout 1h

fmt:
	gofmt -w .
