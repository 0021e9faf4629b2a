#!/bin/sh
# Get Debian's own kernel and busybox with apt, unpacked into a folder.
#
# usage: fetch.sh DIR      leaves DIR/vmlinuz, DIR/busybox, DIR/modules
#
# KERNEL: the package that names the kernel (default: linux-image-cloud-amd64).
#
# What is there already is not fetched again, so this works without a network
# once it has worked.  Nothing is installed.
set -eu

dir=${1:?usage: fetch.sh DIR}
kernel=${KERNEL:-linux-image-cloud-amd64}
mkdir -p "$dir/debs"
dir=$(cd "$dir" && pwd)

say() { echo "fetch: $*" >&2; }

# The package file for $1, from the cache or from apt.
deb() {
	for f in "$dir/debs/$1"_*.deb; do
		[ -f "$f" ] && { echo "$f"; return; }
	done
	say "fetching $1"
	(cd "$dir/debs" && apt-get -o APT::Sandbox::User=root download -qq "$1") >&2 || {
		say "cannot fetch $1: is there a network, and is this Debian?"
		exit 1
	}
	echo "$dir/debs/$1"_*.deb
}

# $kernel is empty and depends on one with a version.
kernel_package() {
	for f in "$dir"/debs/linux-image-[0-9]*.deb; do
		[ -f "$f" ] && { basename "$f" | sed 's/_.*//'; return; }
	done
	p=$(apt-cache depends "$kernel" 2>/dev/null |
		sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
	if [ -z "$p" ] && [ "$(id -u)" -eq 0 ]; then
		apt-get update -qq >&2 || true
		p=$(apt-cache depends "$kernel" 2>/dev/null |
			sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' |
			head -n 1)
	fi
	[ -n "$p" ] || {
		say "apt knows no $kernel (apt-get update?)"
		exit 1
	}
	echo "$p"
}

if [ ! -f "$dir/vmlinuz" ]; then
	p=$(kernel_package)
	d=$(deb "$p")
	rm -rf "$dir/kernel" && mkdir "$dir/kernel"
	dpkg-deb -x "$d" "$dir/kernel"
	rm -rf "$dir/modules" && mkdir "$dir/modules"
	# The few modules the initramfs wants, in the order to load them.
	n=0
	for m in pvpanic pvpanic-mmio pvpanic-pci button evdev qemu_fw_cfg; do
		f=$(find "$dir/kernel" -name "$m.ko" | head -n 1)
		[ -n "$f" ] || continue
		cp "$f" "$dir/modules/$n-$m.ko"
		n=$((n + 1))
	done
	cp "$dir"/kernel/boot/vmlinuz-* "$dir/vmlinuz.new"
	rm -rf "$dir/kernel"
	mv "$dir/vmlinuz.new" "$dir/vmlinuz"
fi

if [ ! -f "$dir/busybox" ]; then
	d=$(deb busybox-static)
	rm -rf "$dir/bb" && mkdir "$dir/bb"
	dpkg-deb -x "$d" "$dir/bb"
	find "$dir/bb" -type f -name busybox -exec cp {} "$dir/busybox.new" \;
	rm -rf "$dir/bb"
	mv "$dir/busybox.new" "$dir/busybox"
fi
