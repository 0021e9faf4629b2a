#!/bin/sh
# Pack an initramfs with the virtio drivers of Debian's kernel, ext4 and the
# host's mke2fs and e2fsck.
#
# usage: initramfs.sh FETCHED_DIR NETGUEST OUTPUT.cpio.gz
#        (tests/boot/fetch.sh's folder, the program of tests/net/guest.c)
#
# INIT: another first process; MODULES: more drivers; PROGRAMS: files for /bin.
set -eu

from=${1:?usage: initramfs.sh DIR NETGUEST OUTPUT}
guest=${2:?usage: initramfs.sh DIR NETGUEST OUTPUT}
out=${3:?usage: initramfs.sh DIR NETGUEST OUTPUT}
here=$(cd "$(dirname "$0")" && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

# The modules wanted; what they depend on comes along, before them.
wanted="virtio_pci virtio_mmio virtio_blk virtio-rng virtio_console
virtio_balloon ext4 crc32c_generic i6300esb vmgenid virtio_net af_packet
vmw_vsock_virtio_transport button evdev ${MODULES:-}"

mkdir -p "$root/bin" "$root/sbin" "$root/lib" "$root/modules" "$root/kernel"
dpkg-deb -x "$(echo "$from"/debs/linux-image-[0-9]*.deb)" "$root/kernel"

find_module() {
	n=$(echo "$1" | tr '_-' '??')
	find "$root/kernel" -name "$n.ko" | head -n 1
}

n=100
depends() {
	tr '\0' '\n' <"$1" | sed -n 's/^depends=//p' | tr ',' ' '
}

# Every wanted module, after what it depends on.
order() {
	for m in "$@"; do
		local f="$(find_module "$m")"
		[ -n "$f" ] || continue
		order $(depends "$f")
		echo "$f"
	done
}
order $wanted | awk '!seen[$0]++' | while read -r f; do
	cp "$f" "$root/modules/$n-$(basename "$f")"
	n=$((n + 1))
done
rm -rf "$root/kernel"

cp "$from/busybox" "$root/bin/busybox"
cp "$guest" "$root/bin/netguest"
cp "$here/../net/lease" "$root/bin/lease"
chmod 755 "$root"/bin/*
# A file and the libraries it wants.
put() {
	cp "$1" "$2"
	for l in $(ldd "$1" 2>/dev/null | grep -o '/[^ ]*'); do
		mkdir -p "$root$(dirname "$l")"
		cp -L "$l" "$root$l"
	done
}
for p in mke2fs e2fsck; do
	put "$(command -v $p || echo /usr/sbin/$p)" "$root/sbin/"
done
cp "${INIT:-$here/init}" "$root/init"
for p in ${PROGRAMS:-}; do
	put "$p" "$root/bin/"
done
chmod 755 "$root/init"
(cd "$root" && find . | LC_ALL=C sort |
	cpio --quiet -o -H newc -R 0:0) | gzip -1n >"$out.new"
mv "$out.new" "$out"
