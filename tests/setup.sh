#!/bin/sh
# Install the Debian packages that building and testing mote need, or those that
# are named (for the fuzzers, benches and images).  Does nothing when they are
# there; says what to install when it may not.
# usage: setup.sh [PACKAGE...]
set -eu

packages="gcc make pkg-config perl cpio python3 gdb
libseccomp-dev libcap-ng-dev zlib1g-dev libfdt-dev libcapstone-dev
libjansson-dev libcmocka-dev liburing-dev libslirp-dev universal-ctags
acpica-tools iproute2"
[ $# -eq 0 ] || packages=$*

missing=
for p in $packages; do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null |
		grep -q 'install ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
	echo "mote: please install these packages:$missing" >&2
	exit 1
fi
echo "mote: installing$missing"
apt-get update -qq || true
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
	--no-install-recommends $missing >/dev/null
