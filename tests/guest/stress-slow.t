#!/bin/bash
# TAP: the processors' stress guest for minutes: translated with two and four
# vCPUs, and interpreted.  Locks, atomics, shootdowns and changing code must
# come out right in every round; the last round prints.
set -u

O=${O:-build}
here=$(dirname "$0")
limit=${STRESS_LIMIT:-3600}
n=0

# stress NAME CPUS ROUNDS OPTIONS...
stress() {
	local name=$1 cpus=$2 rounds=$3 rc began=$SECONDS
	shift 3
	n=$((n + 1))
	timeout "$limit" "$O/mote" -accel tcg -m 64 -nodefaults \
		-display none -monitor none -serial "file:$tmp" \
		-device isa-debug-exit,iobase=0xf4,iosize=4 \
		-kernel "$O/tests/guest/stress.elf" -smp "$cpus" \
		-append "cpus=$cpus,rounds=$rounds" "$@" </dev/null
	rc=$?
	if [ "$rc" -eq 33 ] && cmp -s "$tmp" "$here/expect/stress.txt"; then
		echo "ok $n - $name, $rounds rounds, $((SECONDS - began)) s"
	else
		echo "not ok $n - $name: exit code $rc"
		sed 's/^/# /' "$tmp"
	fi
}

tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT
echo 1..3
stress "two vCPUs translated" 2 "${STRESS_ROUNDS:-100}"
stress "four vCPUs translated" 4 "$((${STRESS_ROUNDS:-100} / 5))"
stress "two vCPUs interpreted" 2 "$((${STRESS_ROUNDS:-100} / 5))" -singlestep
