#!/bin/sh
# TAP: Debian from a disk, if one can be made here.
here=$(dirname "$0")
boot=${BOOT_DIR:-$O/boot}
disk=${DISK_DIR:-$O/disk}
if [ ! -f "$disk/debian.img" ]; then
	[ "$(id -u)" -eq 0 ] || { echo "1..0 # SKIP needs root for mmdebstrap"; exit; }
	why=$(sh "$here/disk.sh" "$boot" "$disk" 2>&1) || {
		echo "1..0 # SKIP no disk: $(echo "$why" | tail -n 1)"
		exit
	}
fi
exec sh "$here/demo-disk.sh" "$O/mote" "$boot" "$disk"
