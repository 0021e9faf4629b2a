#!/bin/sh
# TAP: small KVM guests of a program that opens /dev/kvm by itself, given the
# plugin by mote-kvm-preload.so; and what happens without the plugin.
O=${O:-build}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

LD_PRELOAD=$O/mote-kvm-preload.so timeout 120 "$O/tests/preload/kvm_prog" >"$dir/out"
rc=$?
cat "$dir/out"
n=$(grep -c '^\(not \)\?ok ' "$dir/out")
n=$((n + 1))
[ $rc -eq 0 ] && echo "ok $n - the program ends by itself" ||
	echo "not ok $n - the program ends by itself (status $rc)"

cp "$O/mote-kvm-preload.so" "$dir/"
n=$((n + 1))
if [ -f "${MOTE_LIBDIR:-/usr/local/lib}/mote/mote-tcg.so" ]; then
	echo "ok $n - without the plugin there is no /dev/kvm # SKIP one is installed"
elif LD_PRELOAD=$dir/mote-kvm-preload.so "$O/tests/preload/kvm_prog" >/dev/null 2>"$dir/err" ||
     ! grep -q 'mote-kvm-preload: no mote-tcg.so that fits' "$dir/err"; then
	echo "not ok $n - without the plugin there is no /dev/kvm"
else
	echo "ok $n - without the plugin there is no /dev/kvm"
fi
# QEMU takes the plugin for KVM: SeaBIOS, Debian's kernel, a shell, power off.
n=$((n + 1))
name="QEMU with -accel kvm boots Debian on the plugin"
boot=${BOOT_DIR:-$O/boot}
if ! command -v qemu-system-x86_64 >/dev/null 2>&1; then
	echo "ok $n - $name # SKIP qemu-system-x86_64 is not installed"
else
	LD_PRELOAD=$O/mote-kvm-preload.so timeout 900 qemu-system-x86_64 \
		-M q35 -accel kvm -cpu host -global apic-common.vapic=off \
		-m 512 -nodefaults -vga none -display none -monitor none \
		-serial "file:$dir/serial" -no-reboot -kernel "$boot/vmlinuz" \
		-initrd "$boot/initramfs.gz" -append "console=ttyS0 quiet panic=-1 cryptomgr.notests mote.test=poweroff" \
		</dev/null 2>"$dir/err"
	rc=$?
	if [ $rc -eq 0 ] && grep -aq 'guest: CPUs 1' "$dir/serial"; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name (status $rc)"
		tail -n 10 "$dir/err" "$dir/serial" | sed 's/^/# /'
	fi
fi
echo "1..$n"
