#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# TAP: Debian's kernel boots under TCG, goes to KVM at work, and back, twice: its
# clocks, a sleep, a disk and a checksum are looked at on the way.
#
# O: the build folder.  BOOT_LIMIT: seconds a boot may take.  STEP_LIMIT: a look,
# which is slow where KVM emulates kernel code.  CPUS: how many (1).
import os
import re
import sys
import tempfile
import time

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "virtio"))
os.environ["BOOT_ACCEL"] = "tcg,switch=on"
import guest                                                        # noqa: E402
from guest import result                                            # noqa: E402

STEP = float(os.environ.get("STEP_LIMIT", "900"))
WAY = ["kvm", "tcg", "kvm", "tcg"]
SLACK = 5                              # seconds; clocks go by whole ones

# Seconds since 1970: the host's are asked right before and after.
NOW = "echo now $(date +%s)"
# Monotonic seconds, a second's sleep, 4 MiB of disk past the cache, arithmetic,
# and what the kernel complains of.
LOOK = ("echo at $(cut -d' ' -f1 /proc/uptime); sleep 1; "
        "echo slept $(cut -d' ' -f1 /proc/uptime); "
        "echo 3 >/proc/sys/vm/drop_caches; "
        "echo disk $(md5sum </dev/vda); echo sum $(seq 1 2000 | md5sum); "
        "echo complaints $(dmesg | grep -cE "
        "'unstable|lockup|stall|BUG:|WARNING:|skew')")


class Looks:
    """The first is what later ones are compared with."""

    def __init__(self):
        self.first = None
        self.up = 0.0

    def take(self, g, where):
        before = time.time()
        said = g.sh(NOW, STEP)
        after = time.time()
        said += g.sh(LOOK, STEP)
        found = re.search(r"now (\d+)\n(?s:.*)at ([\d.]+)\nslept ([\d.]+)\n"
                          r"disk (\w+) -\nsum (\w+) -\ncomplaints (\d+)", said)
        if not result(bool(found), "the guest works " + where,
                      f"{said}\n{g.p.poll()} {g.stderr()}"):
            return False
        wall, up, slept = (float(found.group(n)) for n in (1, 2, 3))
        same = found.groups()[3:]
        self.first = self.first or same
        result(same == self.first, "disk, checksum and kernel are as they "
               "were " + where, said)
        result(slept - up >= 1 and up >= self.up, "timers and clock go on "
               + where, f"{said}, {self.up} before")
        result(before - SLACK < wall < after + SLACK, "the guest's time is "
               "the host's " + where, f"{before} {wall} {after}")
        self.up = slept
        return True


def run(tmp):
    disk = os.path.join(tmp, "disk")
    with open(disk, "wb") as f:
        f.write(os.urandom(4 << 20))
    g = guest.Guest("-drive", f"file={disk},format=raw,if=virtio",
                    "-smp", os.environ.get("CPUS", "1"), tmp=tmp,
                    append="nokaslr")
    looks = Looks()
    try:
        if not result(g.wait("# "), "Debian's kernel boots to a shell under "
                      "TCG", g.text + g.stderr()):
            return
        if not looks.take(g, "under tcg"):
            return
        for n, accel in enumerate(WAY):
            g.start("while :; do :; done & sleep 2; kill $!")
            said = g.qmp("x-accel-switch", accel=accel)
            where = f"under {accel} ({n + 1})"
            if not result("return" in (said or {}), "it goes on " + where,
                          f"{said} {g.stderr()}"):
                return
            if not looks.take(g, where):
                return
        g.start("poweroff -f")
        result(g.p.wait(STEP) == 0, "it powers off", g.stderr())
    finally:
        g.p.kill()
        g.p.wait()


if not os.access("/dev/kvm", os.R_OK | os.W_OK):
    print("1..0 # SKIP no usable /dev/kvm here")
    sys.exit(0)
with tempfile.TemporaryDirectory() as folder:
    run(folder)
guest.plan()
