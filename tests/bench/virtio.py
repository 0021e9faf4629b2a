#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""virtio disks and networks side by side: mote and QEMU, both under TCG.

usage: virtio.py MOTE BOOTDIR INITRAMFS IOLOAD OUT [SECONDS] [LOADS] [ROUNDS]

One run, one machine, the same kernel, initramfs and loads; a raw image in
memory, an I/O thread, one CPU, a tap in a network namespace of its own.  Each
program runs ROUNDS times (2), in turns, and the better figure counts.  MOTE
may be several, "a:b", to compare builds.  Writes OUT: a table with ratios,
and the CPU time of a request or MiB, which a busy machine changes less.  Exit
1 when a figure is missing.
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


def cpu(pid):
    """Seconds of CPU time a process has used, all its threads."""
    with open("/proc/%d/stat" % pid, encoding="ascii") as f:
        w = f.read().rsplit(")", 1)[1].split()
    return (int(w[11]) + int(w[12])) / os.sysconf("SC_CLK_TCK")


def run(argv, seconds):
    """{load: (value, CPU seconds of one)} of one guest."""
    p = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    got, tail, end = {}, [], time.monotonic() + TIMEOUT
    used = 0
    for raw in iter(p.stdout.readline, b""):
        w = raw.decode("utf-8", "replace").split()
        tail = tail[-9:] + [raw.decode("utf-8", "replace").strip()]
        if w == ["DONE"] or time.monotonic() > end:
            break
        now = cpu(p.pid)
        if len(w) == 3 and w[0] == "RESULT":
            v = float(w[2])
            got[w[1]] = (v, (now - used) / max(v * seconds, 1))
        used = now
    p.terminate()
    p.wait()
    if not got:
        print("\n".join(tail))
    return got


def main():
    mote, boot, initrd, ioload, out = sys.argv[1:6]
    more = sys.argv[6:] + ["", "", ""]
    seconds, loads, rounds = more[0] or "3", more[1], int(more[2] or 2)
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
              "cryptomgr.notests mitigations=off bench.seconds=" + seconds +
              " bench.loads=" + loads,
              "-object", "iothread,id=io0",
              "-drive", "file=%s,format=raw,if=none,id=d0" % image,
              "-device", "virtio-blk-pci,drive=d0,iothread=io0"]
    if ns:
        common += ["-netdev", "tap,id=n0,ifname=t0,script=no,downscript=no",
                   "-device", "virtio-net-pci,netdev=n0"]
    who = [(m if ":" in mote else "mote", [m, "-accel", "tcg"])
           for m in mote.split(":")]
    if qemu:
        who.append(("qemu", [qemu, "-accel", "tcg,thread=multi", "-cpu",
                             "max", "-M", "q35", "-net", "none"]))
    best = {name: {} for name, _ in who}
    try:
        for _ in range(rounds):
            for name, argv in who:
                got = run(inside + argv + common, float(seconds))
                for load, (v, c) in got.items():
                    b = best[name].get(load, (0, c))
                    best[name][load] = (max(b[0], v), min(b[1], c))
    finally:
        if peer:
            peer.terminate()
            peer.wait()
        if ns:
            subprocess.run(["ip", "netns", "del", ns])
        shutil.rmtree(tmp)
    names = [n for n, _ in who]
    return table(best, names, out, loads.split(",") if loads else LOADS, ns, why)


def table(best, names, out, loads, ns, why):
    """A row a load: the first program's figures, the next's, their ratios."""
    text = "%-15s" % ""
    for name in names:
        text += " %14s %10s" % (name[-14:], "cpu us")
    for name in names[1:]:
        text += " %8s %8s" % ("ratio", "cpu")
    missing, text = 0, text + "\n"
    for load in loads:
        if load.startswith("tcp") and not ns:
            continue
        got = [best[n].get(load, (0, 0)) for n in names]
        missing += any(not v for v, _ in got)
        text += "%-15s" % load
        for v, c in got:
            text += " %8.0f %-5s %10.1f" % (v, UNITS.get(load, "/s"), c * 1e6)
        for v, c in got[1:]:
            text += " %8.2f %8.2f" % (got[0][0] / v if v else 0,
                                      c / got[0][1] if got[0][1] else 0)
        text += "\n"
    if not ns:
        text += "no network figures: %s\n" % why
    if "qemu" not in names:
        text += "no qemu-system-x86_64 here: nothing to compare with\n"
    print(text, end="")
    with open(out, "w", encoding="utf-8") as f:
        f.write(text)
    return 1 if missing else 0


sys.exit(main())
