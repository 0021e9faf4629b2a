#!/bin/sh
# TAP: the stock Debian kernel under -accel kvm, to a shell and off again.  Some
# KVMs emulate kernel code, slowly, and cannot do all of it (cmpxchg16b, SSE,
# half of syscall): the helper does the rest.
#
# O: the build folder.  BOOT_LIMIT: seconds a boot may take.
set -u

O=${O:-build}
dir=${BOOT_DIR:-$O/boot}
limit=${BOOT_LIMIT:-1800}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0

check() {	# NAME CONDITION...
	n=$((n + 1))
	name=$1
	shift
	if "$@"; then
		echo "ok $n - $name"
		return
	fi
	echo "not ok $n - $name"
	tail -n 15 "$tmp/out" "$tmp/err" 2>/dev/null | tr -d '\r' | sed 's/^/# /'
}

if [ ! -r /dev/kvm ] || [ ! -w /dev/kvm ]; then
	echo "1..0 # SKIP no usable /dev/kvm here"
	exit 0
fi

guest() {	# KERNEL OPTIONS...
	kernel=$1
	shift
	rm -f "$tmp/out" "$tmp/err"
	timeout "$limit" "$O/mote" -accel kvm -m 512 -nodefaults -display none \
		-serial "file:$tmp/out" -kernel "$kernel" \
		-initrd "$dir/initramfs.gz" -append "console=ttyS0 quiet panic=-1 cryptomgr.notests mote.test=poweroff" \
		"$@" </dev/null 2>"$tmp/err"
	rc=$?
}

guest "$dir/vmlinuz" -smp 1
check "Debian's kernel boots to a shell and powers off under KVM" \
	eval "grep -aq 'guest: CPUs 1' '$tmp/out' && [ $rc -eq 0 ]"
sed 's/^/# /' "$tmp/err"
echo "1..$n"
