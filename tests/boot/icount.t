#!/bin/sh
# Counted instructions: two boots of Debian's kernel print the same times, to
# the microsecond.
set -u

O=${O:-build}
boot=${BOOT_DIR:-$O/boot}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# No random addresses and no random numbers: what is left is time.
once() {
	timeout 200 "$O/mote" -accel tcg -icount shift=1,sleep=off \
		-cpu max,-rdrand,-rdseed -rtc base=2026-01-01T00:00:00 \
		-m 512 -display none -nodefaults -serial stdio -no-reboot \
		-kernel "$boot/vmlinuz" -initrd "$boot/initramfs.gz" \
		-append "console=ttyS0 mote.test=uname nokaslr" \
		</dev/null >"$dir/$1" 2>&1
}

echo 1..2
once a
once b
if grep -q 'reboot: Power down' "$dir/a"; then
	echo "ok 1 - a kernel boots on counted instructions"
else
	tail -n 5 "$dir/a" | sed 's/^/# /'
	echo "not ok 1 - a kernel boots on counted instructions"
fi
if [ "$(grep -c '^\[' "$dir/a")" -gt 100 ] && cmp -s "$dir/a" "$dir/b"; then
	echo "ok 2 - the next boot is the same, to the microsecond"
else
	diff "$dir/a" "$dir/b" | head -n 10 | sed 's/^/# /'
	echo "not ok 2 - the next boot is the same, to the microsecond"
fi
