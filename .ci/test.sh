#!/usr/bin/env bash
# Runs all tests with the race detector. One package at a time: several of them
# measure sound in real time, and two such at once on a small machine measure
# each other. gotestsum ends with the list of what was skipped and why, and so
# do we: the race detector needs a C compiler, and where there is none the tests
# run without it; with CI=true that fails instead. What fails while the hypervisor
# has given the machine to others is run again, and that is said.
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
gotestsum() { go run gotest.tools/gotestsum@v1.13.0 --format pkgname-and-test-fails --jsonfile "$told" -- -tags e2e -p 1 -parallel 4 -timeout 15m "$@"; }

# ticks COLUMN...: what all processors have spent on that (proc(5), stat; 9 is what the hypervisor gave to others). 0 where there is no /proc.
ticks() { awk -v columns="$*" '/^cpu / { n = split(columns, c, " "); for (i = 1; i <= n; i++) sum += $c[i]; print sum }' "${PROC:-/proc}/stat" 2>/dev/null || echo 0; }

# failures FILE: a line for each package that failed, with its tests that did as a pattern. It fails if one did for another
# reason, as a panic, behind which other tests were not run.
failures() {
	awk -F'"' '
		/"Action":"fail"/ {
			package = test = ""
			for (i = 2; i < NF; i += 2) { if ($i == "Package") package = $(i + 2); if ($i == "Test") test = $(i + 2) }
			if (test == "") { failed[package]; next }
			sub("/.*", "", test)
			if (!known[package, test]++) tests[package] = tests[package] "|" test
		}
		/"Action":"build-fail"|"Output":"(panic: |WARNING: DATA RACE)/ { other = 1 }
		END { for (p in failed) { if (p in tests) print p, "^(" substr(tests[p], 2) ")$"; else other = 1 }; exit other }' "$1"
}

# reasons FILE: of each test that failed the lines that say what was wanted, and the last five others, cut short: a CI's log may be
# kept by its end alone.
reasons() {
	awk -F'"' '
		{
			package = test = output = ""
			for (i = 2; i < NF && output == ""; i += 2) {
				if ($i == "Package") package = $(i + 2)
				if ($i == "Test") test = $(i + 2)
				if ($i == "Output") { output = $0; sub(/.*"Output":" */, "", output); sub(/(\\n)?"}$/, "", output) }
			}
			id = package "\t" test
		}
		output ~ /^[a-zA-Z0-9_]+_test\.go:[0-9]+: / { said[id, ++lines[id]] = substr(output, 1, 240) }
		/"Action":"fail"/ && test != "" {
			for (i = 1; i <= lines[id]; i++) if (said[id, i] ~ /want/ || i > lines[id] - 5) print test ": " said[id, i]
		}' "$1" | tail -n 40
}

again() { gotestsum "${race[@]}" -run "$1" "$2" </dev/null; }

# run FLAG... PACKAGE...: the tests; those that failed once more, or twice, if the hypervisor has taken 2 % of the machine away meanwhile, for what is
# to be heard in time is not then. It says so.
run() {
	local all stolen package pattern
	all=$(ticks 2 3 4 5 6 7 8 9) stolen=$(ticks 9)
	gotestsum "$@" && return
	reasons "$told" >>"$told.reasons"
	all=$(($(ticks 2 3 4 5 6 7 8 9) - all)) stolen=$(($(ticks 9) - stolen))
	if [ $((50 * stolen)) -lt "$all" ] || [ "$all" -eq 0 ] || ! failures "$told" >"$told.failed"; then
		status=1
		return
	fi
	echo "AGAIN, TWICE AT MOST: what failed, for the hypervisor has given $((100 * stolen / all)) % of the machine to others:"
	cat "$told.failed"
	while read -r package pattern; do
		again "$pattern" "$package" || again "$pattern" "$package" || { status=1 && reasons "$told" >>"$told.reasons"; }
	done <"$told.failed"
}

status=0
told=$(mktemp)
trap 'rm -f "$told" "$told.failed" "$told.reasons"' EXIT
[ $# -gt 0 ] || run -run "$quality" ./rooms ./media
run "${race[@]}" -skip "$quality" "$@" ./...
[ ! -s "$told.reasons" ] || { echo "What the tests that failed said, first and last:" && cat "$told.reasons"; }
[ -z "$skipped" ] || echo "$skipped"
exit "$status"
