#!/bin/bash
# TAP: every row of guests.cfg under TCG and KVM, console and exit code.
#
# usage: run.sh [--bless] [NAME...]      O: the build folder
set -u

O=${O:-build}
here=$(dirname "$0")
images=$O/tests/guest
limit=${GUEST_LIMIT:-240}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
bless=
[ "${1:-}" = --bless ] && { bless=1; shift; }
n=0

result() { n=$((n + 1)); echo "$1 $n - $2"; }

# run IMAGE ACCEL OPTIONS...: console in $tmp/out, exit code in $rc.
run() {
	local image=$1 accel=$2
	shift 2
	timeout "$limit" "$O/mote" -accel "$accel" -m 64 -nodefaults \
		-display none -monitor none -serial "file:$tmp/out" \
		-device isa-debug-exit,iobase=0xf4,iosize=4 \
		-kernel "$images/$image.elf" "$@" </dev/null 2>"$tmp/err"
	rc=$?
}

# Is there a KVM, and does it run kernel code natively?  `kvm` is empty, or
# says why not; `native` likewise.
look_for_kvm() {
	kvm= native=
	if [ ! -e /dev/kvm ]; then
		kvm="there is no /dev/kvm"
	elif [ ! -r /dev/kvm ] || [ ! -w /dev/kvm ]; then
		kvm="/dev/kvm may not be opened"
	else
		timeout "$limit" "$O/mote" -m 64 -nodefaults -display none \
			-monitor none -device isa-debug-exit,iobase=0xf4,iosize=4 \
			-kernel "$images/mode0.elf" -append exit \
			</dev/null 2>"$tmp/err" >/dev/null
		grep -q 'emulates kernel code' "$tmp/err" &&
			native="this host's KVM emulates ring 0 (tests/guest/guests.md)"
	fi
	[ -n "$kvm" ] && echo "# KVM ROWS ARE SKIPPED: $kvm"
	[ -n "$native" ] && echo "# KVM here emulates ring 0: rows marked native are skipped"
}

compare() {
	local name=$1 image=$2 want=$3
	if [ "$rc" -eq 65 ]; then
		result ok "$name # SKIP the guest says: $(tail -n 1 "$tmp/out")"
	elif [ "$rc" -ne "$want" ] || ! cmp -s "$tmp/out" "$here/expect/$image.txt"; then
		result "not ok" "$name"
		echo "# exit code $rc, expected $want"
		diff "$here/expect/$image.txt" "$tmp/out" | head -n 20 | sed 's/^/# /'
		head -n 3 "$tmp/err" | sed 's/^/# stderr: /'
	else
		result ok "$name"
	fi
}

look_for_kvm
while read -r name image want kvm_kind options; do
	case $name in '' | \#*) continue ;; esac
	if [ $# -gt 0 ]; then
		case " $* " in *" $name "*) ;; *) continue ;; esac
	fi
	expect=$image
	case $image in smp*) image=smp ;; esac
	run "$image" tcg,eager=on $options
	compare "$name under tcg, all translated" "$expect" "$want"
	run "$image" tcg $options
	if [ -n "$bless" ]; then
		mkdir -p "$here/expect"
		cp "$tmp/out" "$here/expect/$expect.txt"
	fi
	compare "$name under tcg" "$expect" "$want"
	if [ -n "$kvm" ]; then
		result ok "$name under kvm # SKIP $kvm"
	elif [ "$kvm_kind" = native ] && [ -n "$native" ]; then
		result ok "$name under kvm # SKIP $native"
	else
		run "$image" kvm $options
		compare "$name under kvm" "$expect" "$want"
	fi
done <"$here/guests.cfg"
echo "1..$n"
