#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A watchdog nobody feeds fires, in a guest with Debian's own driver for the
i6300esb, and the machine does what -watchdog-action and its monitor twin say.

Debian's cloud kernel has no such driver, the ordinary one does: FULL_DIR.
"""
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guest import LIMIT, O, Guest, plan, result

FULL = os.environ.get("FULL_DIR", O + "/boot-full")
# Opened and left without the magic letter: it goes on counting.
STARVE = "echo x >/dev/watchdog0"


def watched(*options, tmp):
    g = Guest("-device", "i6300esb", *options, tmp=tmp,
              kernel=FULL + "/vmlinuz", initrd=FULL + "/virtio.gz")
    ready(g)
    return g


def ready(g):
    g.wait("guest: ready")
    g.sh("rmmod i6300esb; insmod /modules/*-i6300esb.ko heartbeat=2")


def status(g):
    return g.ask("query-status")["status"]


def fires(g, action):
    g.start(STARVE)
    return g.event("WATCHDOG", LIMIT, action=action)


def test_actions(tmp):
    g = watched("-watchdog-action", "pause", tmp=tmp)
    out = g.sh("cat /sys/class/watchdog/watchdog0/identity")
    result("i6300ESB" in out, "the driver finds it", out)
    result(fires(g, "pause") and g.event("STOP") and status(g) == "watchdog",
           "pause: the VM stops in the state watchdog", g.text)
    g.ask("cont")
    result("alive" in g.sh("echo ali''ve"), "and goes on")

    g.ask("watchdog-set-action", action="inject-nmi")
    result(fires(g, "inject-nmi") and
           g.until("dmesg | grep -q 'NMI received' && echo se''en", "seen"),
           "inject-nmi: the guest's kernel gets one", g.sh("dmesg | tail -3"))

    g.ask("watchdog-set-action", action="none")
    result(fires(g, "none") and "alive" in g.sh("echo ali''ve"),
           "none: only the client hears of it")

    g.sh("sync; while sleep 0.3; do echo x >/dev/watchdog0; done & true")
    result(g.event("WATCHDOG", 6) is None, "one that is fed does not fire")
    g.sh("kill $!")

    g.ask("set-action", reboot="reset", watchdog="reset")
    result(fires(g, "reset") and g.event("RESET", LIMIT),
           "reset: the machine starts again")
    g.text = ""
    ready(g)
    out = g.sh("cat /sys/class/watchdog/watchdog0/bootstatus")
    result("32" in out, "and knows what reset it", out)

    g.hmp("watchdog_action poweroff")
    g.start(STARVE)
    told = g.event("SHUTDOWN", LIMIT)
    result(g.end(None) == 0 and told, "poweroff: mote ends")


def test_shutdown(tmp):
    g = watched("-action", "watchdog=shutdown", tmp=tmp)
    result(fires(g, "shutdown") and g.event("POWERDOWN"),
           "shutdown: the guest's power button is pressed")
    g.end()


if not os.path.exists(FULL + "/virtio.gz"):
    print("1..0 # SKIP no Debian kernel with a watchdog driver "
          "(make watchdog-files)")
    sys.exit()
with tempfile.TemporaryDirectory(prefix="mote-watchdog-") as tmp:
    test_actions(tmp)
    test_shutdown(tmp)
plan()
