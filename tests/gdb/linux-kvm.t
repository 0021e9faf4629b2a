#!/bin/sh
# TAP: a stock gdb attached to Debian's kernel under -accel kvm: gdb.t's.
if [ ! -w /dev/kvm ]; then
	echo "1..0 # SKIP /dev/kvm cannot be used"
	exit 0
fi
LINUX_KVM=yes exec sh tests/gdb/gdb.t
