#!/bin/sh
# A stock 32-bit Debian kernel (686-pae) with 32-bit busybox boots to uname and
# powers off, under the plugin.  Fetches both with apt, beside the machine's
# own package lists; skips where they are not to be had.
set -u

O=${O:-build}
here=$(cd "$(dirname "$0")" && pwd)
dir=$O/boot-i386
mkdir -p "$dir/apt/state/lists/partial" "$dir/apt/cache/archives/partial" "$dir/debs"
dir=$(cd "$dir" && pwd)
: >>"$dir/apt/status"

echo 1..2

apt32() {
	tool=$1
	shift
	"$tool" -qq -o APT::Sandbox::User=root -o APT::Architecture=i386 \
		-o APT::Architectures=i386 -o Dir::State="$dir/apt/state" \
		-o Dir::State::status="$dir/apt/status" \
		-o Dir::Cache="$dir/apt/cache" "$@" 2>>"$dir/apt/log"
}

skip() {
	echo "ok 1 - # SKIP $1"
	echo "ok 2 - # SKIP $1"
	exit 0
}

fetch() {
	[ -f "$dir/vmlinuz" ] && [ -f "$dir/busybox" ] && return
	apt32 apt-get update || true
	k=$(apt32 apt-cache depends linux-image-686-pae |
		sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
	[ -n "$k" ] || return 1
	(cd "$dir/debs" && apt32 apt-get download "$k" busybox-static) || return 1
	for d in "$dir"/debs/*.deb; do
		dpkg-deb -x "$d" "$dir/root" || return 1
	done
	cp "$dir/root/bin/busybox" "$dir/busybox"
	cp "$dir"/root/boot/vmlinuz-* "$dir/vmlinuz"
	rm -rf "$dir/root" "$dir/debs"
}

fetch || skip "no 32-bit kernel from apt here (see $dir/apt/log)"
sh "$here/initramfs.sh" "$dir" "$dir/initramfs.gz" || skip "no initramfs"

log=$dir/console.log
timeout 300 "$O/mote" -accel tcg -m 512 -smp 2 -display none -nodefaults \
	-serial stdio -no-reboot -kernel "$dir/vmlinuz" \
	-initrd "$dir/initramfs.gz" -append "console=ttyS0 mote.test=uname" \
	</dev/null >"$log" 2>&1
rc=$?

if grep -q 'i686 GNU/Linux' "$log" && [ $rc -eq 0 ]; then
	echo "ok 1 - a 32-bit Debian kernel boots and powers off"
else
	tail -n 5 "$log" | sed 's/^/# /'
	echo "not ok 1 - a 32-bit Debian kernel boots and powers off (exit $rc)"
fi
if grep -qE 'BUG|WARNING|Oops|Call Trace' "$log"; then
	grep -E 'BUG|WARNING|Oops|Call Trace' "$log" | sed 's/^/# /'
	echo "not ok 2 - it says nothing that worries"
else
	echo "ok 2 - it says nothing that worries"
fi
