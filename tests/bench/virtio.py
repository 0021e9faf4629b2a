#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""virtio disks and networks side by side: mote and QEMU, both under TCG.

usage: virtio.py MOTE BOOTDIR INITRAMFS IOLOAD OUT [SECONDS]

One run, one machine, the same kernel, initramfs and loads; a raw image in
memory, an I/O thread, one CPU, a tap in a network namespace of its own.  Each
program runs twice, in turns, and the better figure counts.  Writes OUT: a
table with ratios.  Exit 1 when a figure is missing.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time

TIMEOUT = 600
LOADS = ["randread-qd1", "randread-qd32", "randwrite-qd1", "randwrite-qd32",
         "seqread", "seqwrite", "tcp-out", "tcp-in", "tcp-rr"]
UNITS = {"seqread": "MiB/s", "seqwrite": "MiB/s", "tcp-out": "MiB/s",
         "tcp-in": "MiB/s"}


def network():
    """A namespace with a tap and the peer's address, or None and why."""
    ns = "mote-bench-%d" % os.getpid()
    steps = [["ip", "netns", "add", ns]]
    steps += [["ip", "netns", "exec", ns] + c.split() for c in (
        "ip tuntap add dev t0 mode tap vnet_hdr",
        "ip addr add 10.9.0.1/24 dev t0", "ip link set t0 up",
        "ip link set lo up")]
    for s in steps:
        got = subprocess.run(s, capture_output=True, text=True)
        if got.returncode:
            subprocess.run(["ip", "netns", "del", ns], capture_output=True)
            return None, got.stderr.strip() or "no network namespace"
    return ns, ""


def run(argv):
    """{load: value} of one guest."""
    p = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    got, tail, end = {}, [], time.monotonic() + TIMEOUT
    for raw in iter(p.stdout.readline, b""):
        w = raw.decode("utf-8", "replace").split()
        tail = tail[-9:] + [raw.decode("utf-8", "replace").strip()]
        if len(w) == 3 and w[0] == "RESULT":
            got[w[1]] = float(w[2])
        if w == ["DONE"] or time.monotonic() > end:
            break
    p.terminate()
    p.wait()
    if not got:
        print("\n".join(tail))
    return got


def main():
    mote, boot, initrd, ioload, out = sys.argv[1:6]
    seconds = sys.argv[6] if len(sys.argv) > 6 else "3"
    qemu = shutil.which("qemu-system-x86_64")
    tmp = tempfile.mkdtemp(prefix="mote-bench-", dir="/dev/shm"
                           if os.access("/dev/shm", os.W_OK) else None)
    image = os.path.join(tmp, "d.img")
    with open(image, "wb") as f:
        for _ in range(256):
            f.write(os.urandom(1 << 20))
    ns, why = network()
    inside = ["ip", "netns", "exec", ns] if ns else []
    peer = ns and subprocess.Popen(inside + [ioload, "serve", "5001"],
                                   stdout=subprocess.DEVNULL)
    common = ["-m", "512", "-display", "none", "-nodefaults", "-no-reboot",
              "-serial", "stdio", "-kernel", boot + "/vmlinuz", "-initrd",
              initrd, "-append", "console=ttyS0 quiet panic=-1 "
              "cryptomgr.notests mitigations=off bench.seconds=" + seconds,
              "-object", "iothread,id=io0",
              "-drive", "file=%s,format=raw,if=none,id=d0" % image,
              "-device", "virtio-blk-pci,drive=d0,iothread=io0"]
    if ns:
        common += ["-netdev", "tap,id=n0,ifname=t0,script=no,downscript=no",
                   "-device", "virtio-net-pci,netdev=n0"]
    who = [("mote", [mote, "-accel", "tcg"])]
    if qemu:
        who.append(("qemu", [qemu, "-accel", "tcg,thread=multi", "-cpu",
                             "max", "-M", "q35", "-net", "none"]))
    best = {name: {} for name, _ in who}
    try:
        for _ in range(2):
            for name, argv in who:
                for load, v in run(inside + argv + common).items():
                    best[name][load] = max(best[name].get(load, 0), v)
    finally:
        if peer:
            peer.terminate()
            peer.wait()
        if ns:
            subprocess.run(["ip", "netns", "del", ns])
        shutil.rmtree(tmp)
    return table(best, out, ns, why, qemu)


def table(best, out, ns, why, qemu):
    text = "%-16s %12s %12s %8s\n" % ("", "mote", "qemu", "ratio")
    missing = 0
    for load in LOADS:
        if load.startswith("tcp") and not ns:
            continue
        m = best["mote"].get(load)
        q = best.get("qemu", {}).get(load)
        missing += m is None or (qemu is not None and q is None)
        text += "%-16s %12s %12s %8s\n" % (
            load, "%.0f %s" % (m, UNITS.get(load, "/s")) if m else "-",
            "%.0f %s" % (q, UNITS.get(load, "/s")) if q else "-",
            "%.2f" % (m / q) if m and q else "-")
    if not ns:
        text += "no network figures: %s\n" % why
    if not qemu:
        text += "no qemu-system-x86_64 here: nothing to compare with\n"
    print(text, end="")
    with open(out, "w", encoding="utf-8") as f:
        f.write(text)
    return 1 if missing else 0


sys.exit(main())
