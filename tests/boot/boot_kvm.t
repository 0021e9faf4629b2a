#!/bin/sh
# TAP: the stock Debian kernel under -accel kvm, to a shell and off again.  Some
# KVMs emulate kernel code, slowly, and cannot do all of it (cmpxchg16b, SSE,
# half of syscall): the helper does the rest.
#
# O: the build folder.  BOOT_LIMIT: seconds a boot may take.
set -u

O=${O:-build}
BOOT_LIMIT=${BOOT_LIMIT:-1800}
. "$(dirname "$0")/tap.sh"

if [ ! -r /dev/kvm ] || [ ! -w /dev/kvm ]; then
	echo "1..0 # SKIP no usable /dev/kvm here"
	exit 0
fi

for cpus in 1 2; do
	boot "$dir/initramfs.gz" poweroff -accel kvm -m 512 -smp $cpus
	check "Debian's kernel boots to a shell and powers off under KVM, $cpus CPUs" \
		eval "says 'guest: CPUs $cpus' && [ $rc -eq 0 ]"
	sed 's/^/# /' "$tmp/err"
done
echo "1..$n"
