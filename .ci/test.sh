#!/usr/bin/env bash
# Runs all tests with the race detector. One package at a time: several of them
# measure sound in real time, and two such at once on a small machine measure
# each other. gotestsum ends with the list of what was skipped and why.
set -euo pipefail
cd "$(dirname "$0")/.."

go build ./...
go vet -tags e2e ./...
exec go run gotest.tools/gotestsum@v1.13.0 --format pkgname-and-test-fails --hide-summary=output -- \
	-race -tags e2e -p 1 -timeout 15m "$@" ./...
