#!/bin/sh
# Pack an initramfs of busybox and our init.
#
# usage: initramfs.sh FETCHED_DIR OUTPUT.cpio.gz
set -eu

from=${1:?usage: initramfs.sh DIR OUTPUT}
out=${2:?usage: initramfs.sh DIR OUTPUT}
here=$(cd "$(dirname "$0")" && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

mkdir -p "$root/bin" "$root/etc" "$root/modules"
cp "$from/busybox" "$root/bin/busybox"
chmod 755 "$root/bin/busybox"
cp "$here/init" "$root/init"
cp "$here/powerbutton" "$root/bin/"
chmod 755 "$root/init" "$root/bin/powerbutton"
cp "$here/inittab" "$here/profile" "$root/etc/"
cp "$from"/modules/*.ko "$root/modules/" 2>/dev/null || true
(cd "$root" && find . | LC_ALL=C sort |
	cpio --quiet -o -H newc -R 0:0) | gzip -9n >"$out.new"
mv "$out.new" "$out"
