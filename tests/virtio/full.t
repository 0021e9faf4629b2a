#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A host's file system runs full under a guest: the VM stops, `cont` with and
without more room, and nothing is lost; werror and rerror; live resize; block
nodes that come and go.

The image lies on a tmpfs of 6 MiB that this test mounts.
"""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guest import LIMIT, Guest, plan, result, skip


def status(g):
    return g.ask("query-status")["status"]


def io_status(g, device):
    return [d["io-status"] for d in g.ask("query-block")
            if d["qdev"].endswith(device + "/virtio-backend")][0]


def test_full(tmp):
    small = tmp + "/small"
    os.mkdir(small)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6M", "mote", small],
                      capture_output=True).returncode:
        skip("a full disk", "cannot mount a tmpfs here (needs root)")
        return
    try:
        fill(tmp, small)
    finally:
        subprocess.run(["umount", small])


def fill(tmp, small):
    with open(small + "/d.img", "wb") as f:
        f.truncate(32 << 20)
    g = Guest("-drive", f"file={small}/d.img,format=raw,id=d0,if=none",
              "-device", "virtio-blk-pci,drive=d0,id=b0,werror=stop", tmp=tmp)
    g.wait("guest: ready")
    g.start("/sbin/mke2fs -q -t ext4 -F /dev/vda; mount /dev/vda /mnt; "
            "dd if=/dev/urandom of=/mnt/f bs=1M count=8 2>/dev/null; "
            "sha256sum </mnt/f >/tmp/a; umount /mnt; mount /dev/vda /mnt; "
            "sha256sum </mnt/f | cmp - /tmp/a && echo sa''me; umount /mnt; "
            "/sbin/e2fsck -fn /dev/vda >/dev/null 2>&1 && echo cle''an; "
            "echo do''ne 0")
    e = g.event("BLOCK_IO_ERROR", LIMIT)
    d = e and e["data"] or {}
    result(d.get("device") == "d0" and d.get("nospace") is True and
           d.get("operation") == "write" and d.get("action") == "stop" and
           d.get("reason") == "No space left on device",
           "a full disk is a BLOCK_IO_ERROR", d)
    g.event("STOP")
    result(status(g) == "io-error", "and stops the VM in the state io-error")
    result(io_status(g, "b0") == "nospace", "the disk's status says why")
    g.ask("cont")
    result(g.event("STOP", LIMIT) and status(g) == "io-error",
           "cont without more room stops again")
    subprocess.run(["mount", "-o", "remount,size=64M", small], check=True)
    g.ask("cont")
    g.wait("\ndone ")
    result("same" in g.text, "cont with more room: nothing was lost", g.text)
    result("clean" in g.text and io_status(g, "b0") == "ok",
           "and the file system is sound")
    g.end()


def test_policies(tmp):
    def fault(name, op, count=0):
        return ("-blockdev", f"fault,node-name={name},op={op},errno=5,"
                f"count={count},file.driver=null-co,file.size=8M")

    write = "dd if=/dev/zero of=/dev/%s bs=64k count=2 oflag=direct"
    g = Guest(*fault("n0", "write"), *fault("n1", "write"),
              "-device", "virtio-blk-pci,drive=n0,id=b0,werror=report",
              "-device", "virtio-blk-pci,drive=n1,id=b1,werror=ignore",
              "-drive", "file=null-co://,size=16M,id=d3",
              tmp=tmp)
    g.wait("guest: ready")
    out = g.sh(write % "vdb")
    e = g.event("BLOCK_IO_ERROR", action="report")
    result("error" in out and e and not e["data"]["nospace"],
           "werror=report: the guest hears of it, and the client", out)
    out = g.sh(write % "vdc")
    result("error" not in out and g.event("BLOCK_IO_ERROR", action="ignore"),
           "werror=ignore: only the client does", out)
    out = g.sh("cat /sys/block/vda/size")
    g.ask("block_resize", device="d3", size=32 << 20)
    result("32768" in out and g.until("cat /sys/block/vda/size", "65536"),
           "a disk that grows is seen", out)
    g.end()
    g = Guest(*fault("n2", "read", 1), "-device",
              "virtio-blk-device,drive=n2,id=b2,rerror=stop", tmp=tmp)
    g.event("STOP", LIMIT)             # the kernel looks for partitions
    result(status(g) == "io-error" and io_status(g, "b2") == "failed",
           "rerror=stop, on virtio-mmio: the VM stops")
    g.ask("cont")
    out = g.wait("guest: ready") and g.sh("dd if=/dev/vda of=/dev/null "
                                          "bs=64k count=2")
    result("error" not in out and io_status(g, "b2") == "ok",
           "and cont reads it", out)
    g.end()


with tempfile.TemporaryDirectory(prefix="mote-full-") as tmp:
    for test in (test_full, test_policies):
        test(tmp)
plan()
