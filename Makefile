# make run     build, and serve on the default ports with data in ./data
# make test    everything that a change has to pass
# make build   one static binary: bin/clew
# make bench   what a span costs, and how fast it is found; SPANS=10M for more
# make fmt     format the sources

GO          ?= go
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME    ?= 5s
SPANS       ?= 1M

# The race detector needs a C compiler; without one the tests run without it.
RACE := $(shell command -v "$$($(GO) env CC)" >/dev/null 2>&1 && echo 1 || echo 0)

export CGO_ENABLED = 0

.PHONY: run build test check unit fuzz bench fmt

run: build
	./bin/clew serve --data-dir ./data

build:
	$(GO) build -buildvcs=auto -trimpath -o bin/clew ./cmd/clew

test: check unit fuzz

check:
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "gofmt would change:"; echo "$$unformatted"; exit 1; }
	$(GO) mod tidy -diff
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

unit: export CGO_ENABLED = $(RACE)
unit:
	$(GO) test $(if $(filter 1,$(RACE)),-race) -timeout 15m ./...

fuzz:
	.ci/fuzz $(FUZZTIME)

bench: build
	$(GO) run ./bench run --clew bin/clew --spans $(SPANS)

fmt:
	gofmt -w .
