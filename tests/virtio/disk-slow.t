#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""TAP: a gigabyte on a file system of the guest's own making, its checksum
before and after a remount, and fsck: over PCI and over MMIO.
"""
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guest import Guest, plan, result


def gigabyte(how, options, tmp):
    with open(tmp + "/d.img", "wb") as f:
        f.truncate(1536 << 20)
    g = Guest("-object", "iothread,id=io0", "-drive",
              f"file={tmp}/d.img,format=raw,if=none,id=d0,discard=unmap",
              "-device", f"virtio-blk-{how},drive=d0,iothread=io0" + options,
              tmp=tmp)
    g.wait("guest: ready")
    out = g.sh("/sbin/mke2fs -q -t ext4 -F /dev/vda && mount /dev/vda /mnt && "
               "dd if=/dev/urandom of=/mnt/f bs=1M count=1024 2>/dev/null && "
               "sha256sum </mnt/f >/tmp/a && umount /mnt && "
               "mount /dev/vda /mnt && sha256sum </mnt/f | cmp - /tmp/a && "
               "echo same", 3600)
    result("same" in out, how + ": a gigabyte reads as it was written", out)
    out = g.sh("umount /mnt; /sbin/e2fsck -fn /dev/vda >/dev/null 2>&1 && "
               "echo clean", 1800)
    result("clean" in out, how + ": fsck finds nothing", out)
    result(g.end() == 0, how + ": it powers off")


with tempfile.TemporaryDirectory(prefix="mote-gig-") as tmp:
    gigabyte("pci", ",num-queues=2", tmp)
    gigabyte("device", ",packed=on", tmp)
plan()
