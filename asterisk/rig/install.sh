#!/bin/sh
# Finds or makes the chroot with the Asterisk that the tests run against, and
# prints its folder as the last line of standard output (progress goes to
# standard error).
#
#   asterisk/rig/install.sh            find it, or make it (about a minute)
#   asterisk/rig/install.sh --check    only look: exit status 3 when it is missing
#
# Debian 12 has no Asterisk package; Debian sid has Asterisk 22. A chroot of sid
# needs root, but neither a container engine nor a compiler. It lies in a cache
# folder outside the repository, so that it survives `git clean` and every
# working copy shares it:
#
#   ${SIPCONF_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sipconf}/asterisk-sid
#
# SIPCONF_DEBIAN_MIRROR is the address of the Debian archive to fetch it from;
# without it debootstrap asks the one that it knows itself.
#
# Exit status: 0 it is there; 2 it cannot be made here (not root, no debootstrap,
# no network); 3 with --check: it is not there.
set -eu

# debootstrap and chroot live in sbin, which not every PATH has.
PATH=$PATH:/usr/sbin:/sbin

MIRROR=${SIPCONF_DEBIAN_MIRROR:-}
PACKAGES=asterisk,asterisk-modules,asterisk-core-sounds-en
CACHE=${SIPCONF_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/sipconf}
DIR=$CACHE/asterisk-sid
PART=$DIR.part

say() { echo "asterisk rig: $*" >&2; }
fail() { say "$*"; exit 2; }

# Whole means: the daemon runs. The folder appears under its final name only when
# it is complete, so this guards against an unreadable or foreign folder.
whole() { [ -x "$DIR/usr/sbin/asterisk" ]; }

# The chroot's /etc/hosts must name this machine and A.ROOT-SERVERS.NET: pjproject
# looks both names up to learn its own address, and where no name server answers
# each call would wait many seconds for them. Written each time, because a host
# name may change after the chroot was made. Written beside and renamed, because
# another Asterisk may be reading it.
name_hosts() {
	hosts="127.0.0.1 localhost
127.0.0.1 $(uname -n)
127.0.0.1 A.ROOT-SERVERS.NET a.root-servers.net"
	[ "$(cat "$DIR/etc/hosts" 2>/dev/null || true)" = "$hosts" ] && return 0
	echo "$hosts" > "$DIR/etc/hosts.$$"
	mv "$DIR/etc/hosts.$$" "$DIR/etc/hosts"
}

if [ "${1:-}" = --check ]; then
	whole || exit 3
	echo "$DIR"
	exit 0
fi

[ "$(id -u)" = 0 ] || fail "a chroot needs root; run as root, or once: sudo SIPCONF_CACHE=$CACHE $0"
mkdir -p "$CACHE"

# One process builds, the others wait for it and then find the folder whole.
command -v flock >/dev/null || fail "flock (package util-linux) is lacking"
exec 9> "$CACHE/asterisk-sid.lock"
flock -n 9 || { say "another process is making $DIR; waiting for it"; flock 9; }

if ! whole; then
	if ! command -v debootstrap >/dev/null; then
		command -v apt-get >/dev/null || fail "debootstrap is lacking, and so is apt-get to install it"
		say "installing debootstrap"
		{ apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install debootstrap; } >&2 9>&- ||
			fail "debootstrap could not be installed"
	fi
	# A folder left half-built by an interrupted run is no use to anybody.
	rm -rf "$PART" "$DIR"
	say "making $DIR (Debian sid${MIRROR:+ from $MIRROR}; about a minute, 600 MB)"
	if ! debootstrap --variant=minbase --include="$PACKAGES" sid "$PART" ${MIRROR:+"$MIRROR"} >"$CACHE/asterisk-sid.log" 2>&1 9>&-; then
		tail -n 20 "$CACHE/asterisk-sid.log" >&2
		rm -rf "$PART"
		fail "debootstrap failed; the whole log is $CACHE/asterisk-sid.log"
	fi
	rm -rf "$PART"/var/cache/apt/archives/*.deb "$PART"/var/lib/apt/lists/*
	mv "$PART" "$DIR"
fi
name_hosts
say "$(chroot "$DIR" asterisk -V 9>&-) in $DIR"
echo "$DIR"
