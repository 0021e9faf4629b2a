#!/bin/sh
# Boot Debian from a disk to a login, with systemd and a network.  Without a
# terminal: wait for the login prompt, ask systemd and the network how they
# are, power off; TAP.
#
# usage: demo-disk.sh MOTE BOOTDIR IMAGEDIR [mote options]
set -eu

mote=${1:?usage: demo-disk.sh MOTE BOOTDIR IMAGEDIR}
boot=${2:?usage: demo-disk.sh MOTE BOOTDIR IMAGEDIR}
image=${3:?usage: demo-disk.sh MOTE BOOTDIR IMAGEDIR}
shift 3

run() {
	"$mote" -m 1024 -display none -nodefaults -no-reboot \
		-kernel "$boot/vmlinuz" -initrd "$image/disk.gz" \
		-drive "file=$image/debian.img,format=raw,id=d0" \
		-netdev user,id=n0 -device virtio-net-pci,netdev=n0 \
		-device virtio-rng-pci "$@"
}

if [ -t 0 ] && [ -t 1 ]; then
	echo "The user is root, without a password."
	echo "Ctrl-a c: console and monitor, Ctrl-a x: quit, Ctrl-a h: help"
	run -serial mon:stdio -append "console=ttyS0 quiet" "$@"
	exit
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
n=0
check() {
	n=$((n + 1))
	if grep -aq "$2" "$log"; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		bad=1
	fi
}
bad=0
rc=0
run -serial "file:$log" -monitor none -snapshot \
	-append "console=ttyS0 quiet panic=-1 mote.check" "$@" </dev/null &
pid=$!
( sleep "${DEMO_LIMIT:-900}" && kill $pid ) 2>/dev/null &
guard=$!
wait $pid || rc=$?
kill $guard 2>/dev/null || true
check "a login prompt" "login:"
check "systemd is content" "guest: system running"
check "an address by DHCP" "guest: address 10.0.2."
check "the gateway answers" "guest: gateway answers"
check "the root is the disk" "root /dev/vda ext4"
n=$((n + 1))
if [ $rc -eq 0 ]; then
	echo "ok $n - it powers off"
else
	echo "not ok $n - it ends with $rc"
	bad=1
fi
echo "1..$n"
[ $bad -eq 0 ] || tail -n 40 "$log" | tr -d '\r' | sed 's/^/# /'
exit $bad
