#!/usr/bin/env bash
# Installs what the tests use besides Go: a C compiler (for the race detector),
# SIPp, espeak-ng, PostgreSQL and MariaDB, debootstrap, and with it a real Asterisk 22 in
# a chroot outside the repository. No database is made or started: the tests start
# their own. MariaDB is the package of the bare programs, which has no service; that of
# PostgreSQL makes a cluster and starts it, unless a file in createcluster.d says not
# to, which lies there while dpkg runs. What cannot be installed here makes tests skip, and they say so;
# with CI=true they fail instead.
set -uo pipefail
cd "$(dirname "$0")/.."

missing=()
command -v gcc >/dev/null || missing+=(gcc libc6-dev)
command -v sipp >/dev/null || missing+=(sip-tester)
command -v espeak-ng >/dev/null || missing+=(espeak-ng)
compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || missing+=(postgresql)
[ -x /usr/sbin/mariadbd ] || missing+=(mariadb-server-core)
command -v debootstrap >/dev/null || [ -x /usr/sbin/debootstrap ] || missing+=(debootstrap)
if [ ${#missing[@]} -gt 0 ]; then
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		echo "tools: installing ${missing[*]}"
		no_cluster=/etc/postgresql-common/createcluster.d/sipconf-tests.conf
		said=$({ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
			-o DPkg::Pre-Invoke::="mkdir -p ${no_cluster%/*} && echo 'create_main_cluster = false' > $no_cluster" \
			-o DPkg::Post-Invoke::="rm -f $no_cluster; rmdir ${no_cluster%/*} 2>/dev/null || true" "${missing[@]}"; } 2>&1) ||
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
