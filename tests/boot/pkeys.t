#!/bin/sh
# TAP: protection keys under the software CPU, as a program in a Debian guest
# sees them (tests/boot/pkeys.c); and none where -cpu says so.
#
# O: the build folder.  BOOT_ACCEL: another -accel than tcg.
set -u

O=${O:-build}
. "$(dirname "$0")/tap.sh"
accel=${BOOT_ACCEL:-tcg}

mkdir "$tmp/root"
cp "$dir/pkeys" "$tmp/root/init"
(cd "$tmp/root" && find . | cpio --quiet -o -H newc) | gzip -1n >"$tmp/initrd.gz"

# guest OPTIONS...
guest() {
	boot "$tmp/initrd.gz" none -accel "$accel" -m 256 -monitor none \
		-no-reboot "$@"
}

guest -smp 1
if [ "$accel" != tcg ] && says "pkeys: none here"; then
	echo "1..0 # SKIP this host has no protection keys for -accel $accel"
	exit 0
fi
for claim in "two keys" open "writes denied" "access denied" "on every page" \
	"open again" "system calls" "signal frames" fetches "execute only" \
	processes domains "another key"; do
	check "$claim" says "pkeys: $claim ok"
done
check "the guest powers off" eval "says 'pkeys: done' && [ $rc -eq 0 ]"
guest -smp 2
check "two CPUs: nothing is wrong, and all is tried" eval \
	"! says WRONG && says 'pkeys: another key ok' && [ $rc -eq 0 ]"
guest -smp 1 -cpu max,-pku
check "-cpu max,-pku: the guest finds none" eval \
	"says 'pkeys: none here' && says 'pkeys: done'"
echo "1..$n"
