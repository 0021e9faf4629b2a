#!/bin/sh
# Pack an initramfs with busybox, virtio network and vsock drivers, netguest.
#
# usage: initramfs.sh FETCHED_DIR NETGUEST OUTPUT.cpio.gz
set -eu

from=${1:?usage: initramfs.sh DIR NETGUEST OUTPUT}
guest=${2:?usage: initramfs.sh DIR NETGUEST OUTPUT}
out=${3:?usage: initramfs.sh DIR NETGUEST OUTPUT}
here=$(cd "$(dirname "$0")" && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

# In the order to load them.
modules="virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev
virtio_pci virtio_mmio failover net_failover virtio_net af_packet vsock
vmw_vsock_virtio_transport_common vmw_vsock_virtio_transport"

mkdir -p "$root/bin" "$root/modules" "$root/kernel"
dpkg-deb -x "$(echo "$from"/debs/linux-image-[0-9]*.deb)" "$root/kernel"
n=100
for m in $modules; do
	f=$(find "$root/kernel" -name "$m.ko" | head -n 1)
	[ -n "$f" ] || continue
	cp "$f" "$root/modules/$n-$m.ko"
	n=$((n + 1))
done
rm -rf "$root/kernel"
cp "$from/busybox" "$root/bin/busybox"
cp "$guest" "$root/bin/netguest"
cp "$here/lease" "$root/bin/lease"
cp "$here/init" "$root/init"
chmod 755 "$root/bin/busybox" "$root/bin/netguest" "$root/bin/lease" \
	"$root/init"
(cd "$root" && find . | LC_ALL=C sort |
	cpio --quiet -o -H newc -R 0:0) | gzip -1n >"$out.new"
mv "$out.new" "$out"
