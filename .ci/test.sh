#!/usr/bin/env bash
# Runs all tests with the race detector. One package at a time: several of them
# measure sound in real time, and two such at once on a small machine measure
# each other. gotestsum ends with the list of what was skipped and why, and so
# do we: the race detector needs a C compiler, and where there is none the tests
# run without it; with CI=true that fails instead.
set -euo pipefail
cd "$(dirname "$0")/.."

race=(-race)
skipped=
compiler=$(go env CC)
if ! command -v "${compiler%% *}" >/dev/null; then
	skipped="SKIPPED: the race detector: it needs a C compiler, and there is no ${compiler%% *}"
	if [ "${CI:-}" = true ]; then
		echo "lacking, and CI=true: $skipped" >&2
		exit 1
	fi
	race=()
fi

# The profile that the compiler goes by changes no result, and would have everything compiled twice, once more with the race detector.
export GOFLAGS="${GOFLAGS:-} -pgo=off"

go build ./...
go vet -tags e2e ./...
# Figures of what machines say, made of minutes of speech: arithmetic on one goroutine, which takes ten times as long with the race detector.
quality='^TestE2E(QuestionIsKnownAgain|SpeechIsNo(Music|Key)|ConcealmentOnSpeech)$'
# What is tested in real time mostly waits, so that four at once take no time away from each other, also on two cores.
status=0
gotestsum() { go run gotest.tools/gotestsum@v1.13.0 --format pkgname-and-test-fails -- -tags e2e -p 1 -parallel 4 -timeout 15m "$@" || status=$?; }
[ $# -gt 0 ] || gotestsum -run "$quality" ./rooms ./media
gotestsum "${race[@]}" -skip "$quality" "$@" ./...
[ -z "$skipped" ] || echo "$skipped"
exit "$status"
