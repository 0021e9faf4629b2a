#!/bin/bash
# TAP: the processors' stress guest for minutes: translated with two and four
# vCPUs, and interpreted.  Locks, atomics, shootdowns and changing code must
# come out right in every round; the last round prints.
#
# STRESS_SECONDS: how long each goes on.  A round takes 10 ms where every vCPU
# has a CPU of its own, and a hundred times that where its threads wait for
# others; STRESS_LIMIT says after how many seconds more it counts as stuck.
set -u

O=${O:-build}
here=$(dirname "$0")
seconds=${STRESS_SECONDS:-120}
limit=${STRESS_LIMIT:-600}
n=0

# stress NAME CPUS OPTIONS...
stress() {
	local name=$1 cpus=$2 rc rounds
	shift 2
	n=$((n + 1))
	timeout "$((seconds + limit))" "$O/mote" -accel tcg -m 64 -nodefaults \
		-display none -monitor none -serial "file:$tmp" \
		-device isa-debug-exit,iobase=0xf4,iosize=4 \
		-kernel "$O/tests/guest/stress.elf" -smp "$cpus" \
		-append "cpus=$cpus,seconds=$seconds" "$@" </dev/null
	rc=$?
	rounds=$(sed -n 's/ rounds$//p' "$tmp")
	if [ "$rc" -eq 33 ] && [ "${rounds:-0}" -gt 1 ] &&
	   sed '/ rounds$/d' "$tmp" | cmp -s - "$here/expect/stress.txt"; then
		echo "ok $n - $name, $rounds rounds in $seconds s"
	else
		echo "not ok $n - $name: exit code $rc"
		sed 's/^/# /' "$tmp"
	fi
}

tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT
echo 1..3
stress "two vCPUs translated" 2
stress "four vCPUs translated" 4
stress "two vCPUs interpreted" 2 -singlestep
