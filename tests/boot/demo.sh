#!/bin/sh
# Boot Debian's kernel to a shell on this terminal; without a terminal, print
# `uname -a` from inside the guest and power off.
#
# usage: demo.sh MOTE BOOTDIR [mote options]
set -eu

mote=${1:?usage: demo.sh MOTE BOOTDIR}
dir=${2:?usage: demo.sh MOTE BOOTDIR}
shift 2

if [ -t 0 ] && [ -t 1 ]; then
	echo "Ctrl-a c: console and monitor, Ctrl-a x: quit, Ctrl-a h: help"
	exec "$mote" -m 512 -smp 2 -display none -serial mon:stdio \
		-kernel "$dir/vmlinuz" -initrd "$dir/initramfs.gz" \
		-append "console=ttyS0 quiet" "$@"
fi
exec "$mote" -m 512 -display none -monitor none -serial stdio -no-reboot \
	-kernel "$dir/vmlinuz" -initrd "$dir/initramfs.gz" \
	-append "console=ttyS0 quiet panic=-1 mote.test=uname" "$@" </dev/null
