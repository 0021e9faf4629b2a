#!/bin/sh
# Make a disk with Debian on it: mmdebstrap and this machine's apt, systemd, a
# user without a password, DHCP, Debian's kernel and its modules; and an
# initramfs that mounts it.  Nothing is mounted here.
#
# usage: disk.sh BOOTDIR OUTDIR      (BOOTDIR: fetch.sh's)
#        leaves OUTDIR/debian.img, OUTDIR/disk.gz
set -eu

from=${1:?usage: disk.sh BOOTDIR OUTDIR}
out=${2:?usage: disk.sh BOOTDIR OUTDIR}
here=$(cd "$(dirname "$0")" && pwd)
root=$out/debian.root
packages=systemd-sysv,udev,dbus,iproute2,kmod,login,passwd,iputils-ping
say() { echo "disk: $*" >&2; }

[ "$(id -u)" -eq 0 ] || { say "needs root: mmdebstrap makes device nodes"; exit 1; }
sh "$here/../setup.sh" mmdebstrap e2fsprogs

# This release, from where this machine's apt gets it.
. /etc/os-release
sources=$(ls /etc/apt/sources.list /etc/apt/sources.list.d/*.sources \
	2>/dev/null | xargs grep -ls "$VERSION_CODENAME" | head -n 1)
[ -n "$sources" ] || { say "apt has no source of $VERSION_CODENAME"; exit 1; }

rm -rf "$root"
mkdir -p "$out"
say "packages (some minutes)"
mmdebstrap --quiet --mode=root --variant=minbase --include="$packages" \
	--dpkgopt='path-exclude=/usr/share/doc/*' \
	--dpkgopt='path-exclude=/usr/share/man/*' \
	--dpkgopt='path-exclude=/usr/share/locale/*' \
	--aptopt='Acquire::Languages "none"' \
	"$VERSION_CODENAME" "$root" "$sources"

say "kernel"
dpkg-deb -x "$(echo "$from"/debs/linux-image-[0-9]*.deb)" "$out/debian.kernel"
cp -a "$out/debian.kernel/lib/modules" "$root/lib/"
cp -a "$out/debian.kernel/boot/." "$root/boot/"
rm -rf "$out/debian.kernel"
chroot "$root" depmod "$(ls "$root/lib/modules")"

say "settings"
echo mote >"$root/etc/hostname"
printf '127.0.0.1\tlocalhost mote\n' >"$root/etc/hosts"
echo '/dev/vda / ext4 defaults 0 1' >"$root/etc/fstab"
echo 'nameserver 10.0.2.3' >"$root/etc/resolv.conf"
chroot "$root" passwd -q -d root
cat >"$root/etc/systemd/network/80-dhcp.network" <<END
[Match]
Name=e*

[Network]
DHCP=yes
END
cp "$here/disk-check" "$root/usr/local/sbin/mote-check"
chmod 755 "$root/usr/local/sbin/mote-check"
cat >"$root/etc/systemd/system/mote-check.service" <<END
[Unit]
Description=Say how the machine is, and power off
ConditionKernelCommandLine=mote.check

[Service]
Type=simple
ExecStart=/usr/local/sbin/mote-check

[Install]
WantedBy=multi-user.target
END
for unit in systemd-networkd systemd-networkd-wait-online mote-check; do
	systemctl --quiet --root="$root" enable $unit.service ||
		chroot "$root" systemctl --quiet enable $unit.service
done
: >"$root/etc/machine-id"

say "image"
rm -f "$out/debian.img.new"
/sbin/mke2fs -q -t ext4 -L debian -d "$root" "$out/debian.img.new" 1500M
rm -rf "$root"
INIT=$here/disk-init sh "$here/../virtio/initramfs.sh" "$from" \
	"$from/netguest" "$out/disk.gz"
mv "$out/debian.img.new" "$out/debian.img"
