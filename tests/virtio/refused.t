#!/bin/sh
# TAP: what users get wrong about disks and networks: mote ends with 1 and one
# sentence that names it, word by word.
#
# O: the build folder.
set -u

O=${O:-build}
dir=${BOOT_DIR:-$O/boot}
tmp=$(mktemp -d)
trap 'umount "$tmp/ro" 2>/dev/null; rm -rf "$tmp"' EXIT
n=0
as= mote=$O/mote kernel=$dir/vmlinuz

# says NAME SENTENCE OPTIONS...
says() {
	n=$((n + 1))
	name=$1
	want="mote: $2"
	shift 2
	timeout 60 $as "$mote" -accel tcg -m 64 -nodefaults -display none \
		-monitor none -kernel "$kernel" "$@" \
		</dev/null >/dev/null 2>"$tmp/err"
	rc=$?
	if [ $rc -eq 1 ] && [ "$(cat "$tmp/err")" = "$want" ]; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		sed "s/^/# $rc: /" "$tmp/err"
	fi
}
skip() {
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

i=$tmp/d.img
truncate -s 1M "$i"
null="file=null-co://,if=none"
says "a missing image" "-drive file=/nowhere.img,format=raw: Could not \
open '/nowhere.img': No such file or directory" \
	-drive file=/nowhere.img,format=raw
says "a locked image" "-drive file=$i,format=raw: Failed to get \"write\" \
lock on '$i'
mote: Is another process using the image [$i]?" \
	-drive "file=$i,format=raw" -drive "file=$i,format=raw"
mkdir "$tmp/ro"
if mount -t tmpfs m "$tmp/ro" 2>/dev/null &&
	truncate -s 1M "$tmp/ro/d.img" && mount -o remount,ro "$tmp/ro"; then
	says "a read-only image" "-drive file=$tmp/ro/d.img,format=raw: Could \
not open '$tmp/ro/d.img': Read-only file system" \
		-drive "file=$tmp/ro/d.img,format=raw"
else
	skip "a read-only image" "cannot mount a tmpfs here (needs root)"
fi
if [ "$(id -u)" -eq 0 ]; then
	chmod 755 "$tmp"
	chmod 400 "$i"
	cp "$O/mote" "$O/mote-tcg.so" "$dir/vmlinuz" "$tmp"  # others' too
	chmod 755 "$tmp/mote" "$tmp/mote-tcg.so" "$tmp/vmlinuz"
	as="setpriv --reuid 65534 --clear-groups --bounding-set -all"
	mote=$tmp/mote kernel=$tmp/vmlinuz
	says "an image without rights" "-drive file=$i,format=raw: Could \
not open '$i': Permission denied" -drive "file=$i,format=raw"
	why="could not open /dev/net/tun: No such file or directory"
	[ -e /dev/net/tun ] &&
		why="could not open /dev/net/tun: Permission denied"
	$as test -w /dev/net/tun &&
		why="could not configure /dev/net/tun (t9): Operation not \
permitted"
	says "a tap without rights" \
		"-netdev tap,id=n0,ifname=t9,script=no: $why" \
		-netdev tap,id=n0,ifname=t9,script=no
	as= mote=$O/mote kernel=$dir/vmlinuz
	chmod 600 "$i"
fi
says "a drive's id twice" \
	"-drive file=null-co://,id=x: Duplicate ID 'x' for drive" \
	-drive "file=$i,format=raw,id=x" -drive file=null-co://,id=x
says "a node's name twice" "-blockdev null-co,node-name=a: Duplicate nodes \
with node-name='a'" \
	-blockdev null-co,node-name=a -blockdev null-co,node-name=a
says "a netdev's id twice" "-netdev socket,id=n0,listen=127.0.0.1:0: there \
is a netdev 'n0' already" -netdev socket,id=n0,listen=127.0.0.1:0 \
	-netdev socket,id=n0,listen=127.0.0.1:0
says "a device's id twice" "-device virtio-rng-pci,id=a: there is a device \
'a' already" -device virtio-rng-pci,id=a -device virtio-rng-pci,id=a
says "an I/O thread's id twice" "-object iothread,id=i: attempt to add \
duplicate property 'i' to object (type 'container')" -object iothread,id=i -object iothread,id=i
says "an unknown option of a drive" \
	"-drive file=null-co://,colour=red: Invalid parameter 'colour'" \
	-drive file=null-co://,colour=red
says "an unknown property" "-device virtio-blk-pci,drive=x,colour=red: \
Property 'virtio-blk-pci.colour' not found" -drive "$null,id=x" \
	-device virtio-blk-pci,drive=x,colour=red
says "a card's address that is a group's" "-device \
virtio-net-pci,mac=ff:ff:ff:ff:ff:ff: 'ff:ff:ff:ff:ff:ff' is a multicast \
address, no card's" -device virtio-net-pci,mac=ff:ff:ff:ff:ff:ff
says "a directory as image" "-drive file=$tmp,format=raw: Could not open \
'$tmp': Is a directory" -drive "file=$tmp,format=raw"
mkfifo "$tmp/fifo"
says "a FIFO as image" "-drive file=$tmp/fifo,format=raw: '$tmp/fifo' is \
neither a regular file nor a block device" -drive "file=$tmp/fifo,format=raw"
says "a drive that is not there" "-device virtio-blk-pci,drive=d9: Property \
'virtio-blk-pci.drive' can't find value 'd9'" -device virtio-blk-pci,drive=d9
says "no drive" "-device virtio-blk-pci: drive property not set" \
	-device virtio-blk-pci
says "a drive two devices want" "-device virtio-blk-pci,drive=x: Drive 'x' \
is already in use by another block device" -drive "$null,id=x" \
	-device virtio-blk-pci,drive=x -device virtio-blk-pci,drive=x
says "an I/O thread that is not there" "-device \
virtio-blk-pci,drive=x,iothread=nope: Property 'virtio-blk-pci.iothread' \
can't find value 'nope'" -drive "$null,id=x" \
	-device virtio-blk-pci,drive=x,iothread=nope
if [ -e /dev/vhost-net ]; then
	skip "vhost-net that is not there" "this host has /dev/vhost-net"
elif [ -w /dev/net/tun ]; then
	says "vhost-net that is not there" "-netdev tap,id=n0,ifname=t9,vhost=on: \
vhost=on: could not open /dev/vhost-net: No such file or directory
mote: Load the host's module: modprobe vhost_net; or leave vhost=on away." \
		-netdev tap,id=n0,ifname=t9,vhost=on
else
	skip "vhost-net that is not there" "no tap here"
fi
if [ -e /dev/vhost-vsock ]; then
	skip "vhost-vsock that is not there" "this host has /dev/vhost-vsock"
else
	says "vhost-vsock that is not there" "-device \
vhost-vsock-pci,guest-cid=9: could not open /dev/vhost-vsock: No such file or \
directory
mote: Load the host's module: modprobe vhost_vsock; or virtio-vsock with \
uds_path=PATH, which needs none." -device vhost-vsock-pci,guest-cid=9
fi
says "an error policy there is not" "-drive file=$i,format=raw,werror=maybe: \
'maybe' invalid write error action" -drive "file=$i,format=raw,werror=maybe"
echo "1..$n"
