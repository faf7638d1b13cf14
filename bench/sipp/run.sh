#!/bin/sh
# Runs SIPp scenarios against a SIP server.
#   run.sh HOST:PORT [SCENARIO...]     default: all that need nobody to be called; load is 200 calls at 20 per second
# NUMBER is dialled (default 5234), LOCAL is SIPp's own address (default 127.0.0.1).
# Exits with the number of scenarios that failed.
set -u
here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 1 ] || { sed -n '2,5s/^# *//p' "$0"; exit 64; }
command -v sipp >/dev/null || { echo "sipp is not installed: apt-get install sip-tester" >&2; exit 69; }
server=$1
shift
[ $# -gt 0 ] || set -- basic late_offer hold reinvite timer timer_small cancel cancel_first replaces subscribe subscribe_end subscribe_gone subscribe_refused lamp lamp_lit load
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The sound: a second of A-law silence. 325 is its code word in octal.
head -c 8000 /dev/zero | tr '\0' '\325' >"$work/tone.al"
failed=0
for scenario in "$@"; do
	calls=5 rate=10
	[ "$scenario" = load ] && calls=200 rate=20
	# Whoever came besides would be told of as well, would be called already, or would be gone.
	case $scenario in subscribe | subscribe_end | lamp_lit | refer_enough | refer_fails | refer_removes) calls=1 ;; esac
	if (cd "$work" && sipp "$server" -sf "$here/$scenario.xml" -s "${NUMBER:-5234}" \
		-i "${LOCAL:-127.0.0.1}" -mi "${LOCAL:-127.0.0.1}" -m $calls -r $rate -timeout 60s -timeout_error \
		-recv_timeout 10000 -nostdin -trace_err -error_file errors.log >sipp.log 2>&1); then
		echo "ok      $scenario ($calls calls)"
	else
		echo "FAILED  $scenario"
		tail -n 40 "$work/errors.log" 2>/dev/null
		failed=$((failed + 1))
	fi
done
exit $failed
