#!/bin/sh
# Build the small microVM kernel of microvm.config from Debian's linux-source.
#
# usage: kernel.sh DIR         leaves DIR/microvm-vmlinux (ELF, for PVH) and
#                              DIR/microvm-vmlinuz
#
# CACHE (default: MOTE_CACHE or DIR/kernel-cache) keeps the sources and the
# objects; what is there already is not fetched or built again.
set -eu

dir=${1:?usage: kernel.sh DIR}
here=$(cd "$(dirname "$0")" && pwd)
cache=${MOTE_CACHE:-$dir/kernel-cache}
mkdir -p "$dir" "$cache"
dir=$(cd "$dir" && pwd)
cache=$(cd "$cache" && pwd)

say() { echo "kernel: $*" >&2; }

# linux-source is empty and depends on one with a version.
source_package() {
	apt-cache depends linux-source 2>/dev/null |
		sed -n 's/.*Depends: \(linux-source-[0-9].*\)/\1/p' | head -n 1
}

fetch() {
	ls "$cache"/linux-source-*.deb >/dev/null 2>&1 && return
	p=$(source_package)
	[ -n "$p" ] || { say "apt knows no linux-source"; exit 1; }
	say "fetching $p"
	(cd "$cache" && apt-get -o APT::Sandbox::User=root download -qq "$p")
}

unpack() {
	[ -f "$cache/tree/Makefile" ] && return
	say "unpacking"
	rm -rf "$cache/deb" "$cache/new"
	mkdir "$cache/deb" "$cache/new"
	dpkg-deb -x "$cache"/linux-source-*.deb "$cache/deb"
	tar -C "$cache/new" --strip-components=1 -xf \
		"$cache"/deb/usr/src/linux-source-*.tar.xz
	rm -rf "$cache/deb"
	mv "$cache/new" "$cache/tree"
}

# Every option the fragment asks for must have been taken.
check_config() {
	bad=$(grep '^CONFIG_' "$here/microvm.config" | while read -r l; do
		grep -qxF "$l" "$cache/obj/.config" || echo "$l"
	done)
	[ -z "$bad" ] || { say "these options did not take:" $bad; exit 1; }
}

build() {
	mkdir -p "$cache/obj"
	nice make -s -C "$cache/tree" O="$cache/obj" CC="${CC:-gcc}" \
		KCONFIG_ALLCONFIG="$here/microvm.config" allnoconfig >/dev/null
	check_config
	say "building; this takes minutes"
	nice make -s -C "$cache/tree" O="$cache/obj" CC="${CC:-gcc}" \
		-j"${JOBS:-2}" vmlinux bzImage
}

want=$(sha256sum <"$here/microvm.config")
if [ "$want" != "$(cat "$cache/built" 2>/dev/null)" ]; then
	sh "$here/../setup.sh" flex bison bc libelf-dev xz-utils >&2
	fetch
	unpack
	build
	echo "$want" >"$cache/built"
fi
strip -o "$dir/microvm-vmlinux.new" "$cache/obj/vmlinux"
mv "$dir/microvm-vmlinux.new" "$dir/microvm-vmlinux"
cp "$cache/obj/arch/x86/boot/bzImage" "$dir/microvm-vmlinuz"
