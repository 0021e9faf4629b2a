#!/bin/sh
# TAP: a stock Debian kernel's virtio drivers against our devices, under the
# software CPU: mkfs, mount, checksum and fsck over PCI and MMIO, entropy,
# consoles, the balloon; and what a user gets wrong.
#
# O: the build folder.
set -u

O=${O:-build}
. "$(dirname "$0")/../boot/tap.sh"

# guest MODE OPTIONS...: one boot.
guest() {
	mode=$1
	shift
	boot "$dir/virtio.gz" "$mode" -accel "${BOOT_ACCEL:-tcg}" -m 256 \
		-monitor none "$@"
}
told() { says "guest: $1"; }
fs_ok() { told "checksum same" && told "fsck clean"; }

truncate -s 64M "$tmp/d.img"
guest fs -drive "file=$tmp/d.img,format=raw,id=d0"
check "a file system over virtio-blk-pci" fs_ok
check "whose kicks cost no exit" eval '! grep -q "costs an exit" "$tmp/err"'
guest fs -blockdev '{"driver":"file","node-name":"n0","aio":"threads",
	"filename":"'"$tmp/d.img"'"}' -object '{"qom-type":"iothread","id":"io0"}' \
	-device '{"driver":"virtio-blk-device","drive":"n0","iothread":"io0",
	"packed":true,"num-queues":2}'
check "a file system over virtio-blk-device, packed rings, an I/O thread, a thread pool, said in JSON" fs_ok

before=$(sha256sum <"$tmp/d.img")
guest fs -snapshot -drive "file=$tmp/d.img,format=raw,id=d0,serial=S123"
check "a file system on a snapshot" fs_ok
check "whose image did not change" [ "$before" = "$(sha256sum <"$tmp/d.img")" ]

guest blkinfo -device virtio-rng-pci -drive \
	"file=$tmp/d.img,format=raw,id=d0,if=none,readonly=on,discard=unmap" \
	-device virtio-blk-pci,drive=d0,serial=S123,num-queues=1,physical_block_size=4096
check "serial, size and topology reach the guest" eval \
	"told 'size 131072' && told 'serial S123' && told 'ro 1' && told 'pbs 4096'"

guest rng -device virtio-rng-device
check "entropy" told "bytes 256"

guest console -chardev "file,id=c0,path=$tmp/c0" \
	-chardev "file,id=c1,path=$tmp/c1" \
	-device virtio-serial-pci,chardev=c0,chardev1=c1,name1=org.test.port
check "a console and a named port" eval "told 'port org.test.port' &&
	grep -q 'from hvc0' '$tmp/c0' && grep -q 'from the port' '$tmp/c1'"

# refused WORDS OPTIONS...: ends with one sentence holding WORDS.
refused() {
	words=$1
	shift
	"$O/mote" -accel tcg -m 64 -nodefaults -display none -monitor none \
		-kernel "$dir/vmlinuz" "$@" </dev/null >"$tmp/out" 2>"$tmp/err"
	rc=$?
	[ $rc -ne 0 ] && grep -q -- "$words" "$tmp/err"
}
check "a missing image is named" \
	refused "/nowhere.img.*No such file" -drive file=/nowhere.img,format=raw
check "an image used twice is refused" refused "lock" \
	-drive "file=$tmp/d.img,format=raw" -drive "file=$tmp/d.img,format=raw"
check "two drives of one id are refused" refused "Duplicate ID 'x'" \
	-drive "file=$tmp/d.img,format=raw,id=x" -drive file=null-co://,id=x
check "an unknown property is named" refused "'colour'" \
	-drive file=null-co://,colour=red
check "what is no JSON is pointed at" refused "JSON parse error at byte 16: invalid token" \
	-device '{"driver":virtio-rng-pci}'
check "a drive that is not there is named" refused "d9" \
	-device virtio-blk-pci,drive=d9
echo "1..$n"
