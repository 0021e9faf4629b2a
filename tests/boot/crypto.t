#!/bin/sh
# TAP, slow: the kernel's own tests of its vector code under the software CPU.
# Debian's crypto, RAID 6 and XOR modules are loaded with their self tests on:
# AES, SHA, ChaCha, Poly1305, Serpent and Twofish with AVX and AVX2, and each of
# their answers compared by the kernel with the generic code's.
#
# O: the build folder.  BOOT_ACCEL: another -accel than tcg.
set -u

O=${O:-build}
dir=${BOOT_DIR:-$O/boot}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0

result() { n=$((n + 1)); echo "$1 $n - $2"; }
check() {
	name=$1
	shift
	if "$@"; then result ok "$name"; else result "not ok" "$name"; fi
}

if ! grep -qw avx2 /proc/cpuinfo; then
	echo "1..0 # SKIP the host has no AVX2 to offer"
	exit 0
fi
deb=$(ls "$dir"/debs/linux-image-*.deb 2>/dev/null | head -n 1)
if [ -z "$deb" ]; then
	echo "1..0 # SKIP no kernel package in $dir/debs (make boot-files)"
	exit 0
fi

mkdir -p "$tmp/deb" "$tmp/root/bin" "$tmp/root/modules"
dpkg-deb --fsys-tarfile "$deb" | tar x -C "$tmp/deb" --wildcards \
	'*/kernel/arch/x86/crypto/*' '*/kernel/crypto/*' '*/kernel/lib/*'
for m in $(find "$tmp/deb" -name '*.ko' | grep -E \
	'/x86/crypto/|/crypto/(xor|cryptd|crypto_simd|.*generic|.*common|gf128mul|ctr|cbc|ecb|xts|gcm|ccm|ghash.*|nhpoly1305)\.ko|/lib/(raid6/|crypto/|crc)'); do
	cp "$m" "$tmp/root/modules/"
done
cp "$dir/busybox" "$tmp/root/bin/busybox"
cat >"$tmp/root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox --install -s /bin
export PATH=/bin
# dependencies by trying again
for pass in 1 2 3 4; do
	for m in /modules/*.ko; do
		insmod $m 2>/dev/null && rm $m
	done
done
sleep 2
cat /proc/crypto | awk '/^driver/ { d = $3 } /^selftest/ { print "crypto: " d " " $3 }'
dmesg | sed 's/^/dmesg: /'
echo "guest: done"
poweroff -f
INIT
chmod 755 "$tmp/root/init" "$tmp/root/bin/busybox"
(cd "$tmp/root" && find . | cpio --quiet -o -H newc -R 0:0) | gzip -1n >"$tmp/initramfs.gz"

timeout "${BOOT_LIMIT:-600}" "$O/mote" -accel "${BOOT_ACCEL:-tcg}" -m 512 -smp 2 \
	-nodefaults -display none -monitor none -serial "file:$tmp/out" \
	-kernel "$dir/vmlinuz" -initrd "$tmp/initramfs.gz" -no-reboot \
	-append "console=ttyS0 quiet panic=-1" </dev/null 2>"$tmp/err"
check "the guest loads its modules and powers off" grep -aq "guest: done" "$tmp/out"
for d in aes-aesni xts-aes-aesni chacha20-simd poly1305-simd sha256-avx2 \
	sha512-avx2 ecb-serpent-avx2 ecb-twofish-avx nhpoly1305-avx2; do
	check "$d passes the kernel's self test" \
		grep -aqE "crypto: (__)?$d passed" "$tmp/out"
done
check "no self test fails" \
	sh -c "! grep -aE 'alg:.*(fail|wrong)|crypto: .* unknown' '$tmp/out'"
check "RAID 6 chooses an AVX2 syndrome" \
	grep -aqE 'raid6: using algorithm avx2' "$tmp/out"
check "XOR blocks use AVX" grep -aqE 'xor:.*avx' "$tmp/out"
check "no warning and no oops" \
	sh -c "! grep -aE 'WARNING:|BUG:|Oops|invalid opcode|unhandled' '$tmp/out'"
grep -aE "raid6:|xor:|alg:" "$tmp/out" | tr -d '\r' | sed 's/^/# /' | head -n 40
head -n 3 "$tmp/err" | sed 's/^/# stderr: /'
[ -z "${KEEP:-}" ] || cp "$tmp/out" "$KEEP"
echo "1..$n"
