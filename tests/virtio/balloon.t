#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Free memory of a guest goes back to the host without the balloon growing: by
itself (free page reporting) and when asked for (hints).
"""
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guest import Guest, plan, result, until

FILL = ("dd if=/dev/urandom of=/tmp/f bs=1M count=16 2>/dev/null; "
        "for i in 1 2 3 4 5 6 7 8; do cat /tmp/f >>/tmp/fill; done")


def machine(tmp, device):
    g = Guest("-device", device + ",id=b0", tmp=tmp, memory="384")
    g.wait("guest: ready")
    return g


def filled(g):
    """MiB the host holds while the guest's memory is full; then it is free."""
    g.sh(FILL, 300)
    full = g.resident()
    g.sh("rm /tmp/fill")
    return full


def statistics(g):
    """The guest's numbers, polled from now on, as an object's property."""
    path = "/machine/peripheral/b0"
    got = {}

    def told():
        got.update(g.ask("qom-get", path=path, property="guest-stats"))
        return got["last-update"] and got["stats"]["stat-total-memory"] > 0

    why = g.why("qom-set", path=path,
                property="guest-stats-polling-interval", value=1)
    ok = until(60, told)
    first = got.get("last-update", 0)
    later = until(60, lambda: told() and got["last-update"] > first)
    result(not why and ok and later and
           300 << 20 < got["stats"]["stat-total-memory"] < 384 << 20 and
           got["stats"]["stat-free-memory"] > 0,
           "guest-stats are polled from the moment on that they are wanted",
           (why, got))
    why = g.why("qom-set", path=path,
                property="guest-stats-polling-interval", value=5 * 10 ** 9)
    result("at most" in why, "within a century", why)


def test_reporting(tmp):
    g = machine(tmp, "virtio-balloon-pci")
    full = filled(g)
    ok = until(120, lambda: g.resident() < full - 90)
    result(ok, "what the guest frees is the host's again, by itself",
           (full, g.resident()))
    said = g.hmp("info balloon").split()[1]
    result(said in ("actual=383", "actual=384"), "and still the guest's too", said)
    statistics(g)
    g.end()


def test_hints(tmp):
    g = machine(tmp, "virtio-balloon-device,free-page-reporting=off,"
                "free-page-hint=on")
    full = filled(g)
    time.sleep(6)
    result(g.resident() > full - 40, "with reporting off nothing comes back",
           (full, g.resident()))
    why = g.why("x-balloon-hint")
    ok = until(120, lambda: g.resident() < full - 90)
    result(not why and ok, "but when the guest is asked for hints",
           (full, g.resident(), why))
    ok = until(60, lambda: not g.why("x-balloon-hint"))
    out = g.sh(FILL + "; for i in 1 2; do sha256sum </tmp/f; done; "
               "head -c 16777216 /tmp/fill | sha256sum", 300).split()
    result(ok and len(set(out[::2])) == 1,
           "it may be asked again, and the guest uses that memory", out)
    g.end()


with tempfile.TemporaryDirectory(prefix="mote-balloon-") as tmp:
    test_reporting(tmp)
    test_hints(tmp)
plan()
