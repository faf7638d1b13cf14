# sipconf: what there is to make. `make demo` and `make test` do all their set-up.

GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

.PHONY: build demo test bench upgrades pgo prompts lint fuzz tools clean

build: ## the program, as bin/sipconf
	$(GO) build -ldflags "-X main.version=$(VERSION)" -o bin/sipconf ./cmd/sipconf

demo: build ## three callers in a room, and a check of what each of them hears
	./bin/sipconf demo

tools: ## installs what the tests use: SIPp and a real Asterisk 22 (root, Debian)
	.ci/tools.sh

test: tools ## everything, with the race detector; ends with a list of what was skipped
	.ci/test.sh

# QUICK=1: in under 3 minutes, with fewer of everything. Whether the limits are kept is what the exit status says; the
# comparison judges nothing.
bench: build ## 200 legs in 20 rooms, and three upgrades under 500, with the limits that we promise; then sipconf beside a bare loop and ConfBridge: bench/report.md
	@$(GO) build -o bin/bench ./bench
	@bin/bench -server-binary bin/sipconf -legs 200 -rooms 20 $(if $(QUICK),-time 6s -bursts 3 -rate 100); kept=$$?; rm -f bin/upgrades.json; \
	bin/bench -server-binary bin/sipconf -legs 500 -rooms 50 -rate 200 -bursts 0 -upgrades 3 -save bin/upgrades.json $(if $(QUICK),-time 5s -patience 1s) || kept=1; \
	bin/bench -compare -ladder -server-binary bin/sipconf $$(test -f bin/upgrades.json && echo -upgraded bin/upgrades.json) $(if $(QUICK),-quick); exit $$kept

upgrades: build ## three upgrades under 500 legs, with the limits that we promise, in a minute or, on a busy machine, three: bench/upgrades.md
	@$(GO) build -o bin/bench ./bench
	@bin/bench -server-binary bin/sipconf -legs 500 -rooms 50 -rate 200 -bursts 0 -upgrades 3 -chapter bench/upgrades.md

# Whether the limits of the loads are kept does not count here; but a machine that is busy with other things makes a profile of concealment.
pgo: ## what the compiler goes by, anew (cmd/sipconf/default.pgo): a CPU profile of 500 legs in 50 rooms, all speaking, and in one, one speaking
	$(GO) build -tags profile -o bin/sipconf-profile ./cmd/sipconf
	$(GO) build -o bin/bench ./bench
	-CPUPROFILE=bin/rooms.prof bin/bench -server-binary bin/sipconf-profile -legs 500 -rooms 50 -time 60s -bursts 0
	-CPUPROFILE=bin/large.prof bin/bench -server-binary bin/sipconf-profile -legs 500 -rooms 1 -talkers 1 -time 60s -bursts 0
	$(GO) tool pprof -proto -output cmd/sipconf/default.pgo bin/rooms.prof bin/large.prof

prompts: ## speaks the prompts anew (espeak-ng), and lists them in docs/prompts.md
	$(GO) run ./prompts/make
	$(GO) test ./prompts -run TestDocs -update

lint: ## gofmt, vet, staticcheck, and whether it builds for another system
	@test -z "$$(gofmt -l .)" || { echo "not gofmt-formatted:"; gofmt -l .; exit 1; }
	$(GO) vet ./...
	GOOS=darwin $(GO) build -pgo=off ./... # what has a file for Linux has another one beside it
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.6.1 ./...

FUZZTIME ?= 20s
fuzz: ## every fuzz target for FUZZTIME
	.ci/fuzz.sh $(FUZZTIME)

clean:
	rm -rf bin bench/out
