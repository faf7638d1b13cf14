# sipconf: what there is to make. `make demo` and `make test` do all their set-up.

GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

.PHONY: build demo test bench lint fuzz tools clean

build: ## the program, as bin/sipconf
	$(GO) build -ldflags "-X main.version=$(VERSION)" -o bin/sipconf ./cmd/sipconf

demo: build ## three callers in a room, and a check of what each of them hears
	./bin/sipconf demo

tools: ## installs what the tests use: SIPp and a real Asterisk 22 (root, Debian)
	.ci/tools.sh

test: tools ## everything, with the race detector; ends with a list of what was skipped
	.ci/test.sh

bench: build ## 200 legs in 20 rooms on this machine, with the limits that we promise
	$(GO) run ./bench -server-binary bin/sipconf -legs 200 -rooms 20

lint: ## gofmt, vet, staticcheck, and whether it builds for another system
	@test -z "$$(gofmt -l .)" || { echo "not gofmt-formatted:"; gofmt -l .; exit 1; }
	$(GO) vet ./...
	GOOS=darwin $(GO) build ./... # what has a file for Linux has another one beside it
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.6.1 ./...

FUZZTIME ?= 20s
fuzz: ## every fuzz target for FUZZTIME
	.ci/fuzz.sh $(FUZZTIME)

clean:
	rm -rf bin bench/out
