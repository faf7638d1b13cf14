#!/usr/bin/env bash
# Installs what the tests use besides Go: a C compiler (for the race detector),
# SIPp, espeak-ng, debootstrap, and with it a real Asterisk 22 in a chroot outside the
# repository. What cannot be installed here makes tests skip, and they say so;
# with CI=true they fail instead.
set -uo pipefail
cd "$(dirname "$0")/.."

missing=()
command -v gcc >/dev/null || missing+=(gcc libc6-dev)
command -v sipp >/dev/null || missing+=(sip-tester)
command -v espeak-ng >/dev/null || missing+=(espeak-ng)
command -v debootstrap >/dev/null || [ -x /usr/sbin/debootstrap ] || missing+=(debootstrap)
if [ ${#missing[@]} -gt 0 ]; then
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		echo "tools: installing ${missing[*]}"
		said=$({ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } 2>&1) ||
			{
				tail -n 10 <<<"$said"
				echo "tools: could not install ${missing[*]}, see above"
			}
	else
		echo "tools: not root, so ${missing[*]} cannot be installed: apt-get install ${missing[*]}"
	fi
fi
asterisk/rig/install.sh >/dev/null || echo "tools: no Asterisk here: its tests will skip"
exit 0
