#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vhost-net and vhost-vsock, with a real kernel: a Debian guest with those
modules is the host of a mote inside, whose guest's rings its kernel works.
TCP both ways and vsock echo, a pause and a cable in between.

Two software CPUs on top of each other: minutes.  The inner guest's kernel is
the small one of `make microvm-kernel` where it was built, else Debian's.
"""
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guest import BOOT, Guest, plan, result

LONG = float(os.environ.get("BOOT_LIMIT", "1500"))
KERNEL = "microvm-vmlinux" if os.path.exists(BOOT + "/microvm-vmlinux") \
    else "vmlinuz"
INNER = ("mote -accel tcg -m 160 -nodefaults -display none -serial mon:stdio "
         f"-no-reboot -kernel /bin/{KERNEL} -initrd /bin/virtio.gz "
         "-append 'console=ttyS0 quiet panic=-1 mote.test=shell' "
         "-netdev tap,id=n0,ifname=t0,script=no,vhost=on "
         "-device virtio-net-pci,netdev=n0,id=nic0 "
         "-device vhost-vsock-pci,guest-cid=9,id=vs0")


def host_ready(g):
    """Servers of the inner machine's host, and one that will reach in."""
    g.sh("ip link set lo up; netguest serve")
    g.sh("netguest vecho 5000")
    g.sh("ip tuntap add dev t0 mode tap 2>/dev/null || tunctl -t t0")
    g.sh("ip addr add 10.9.0.1/24 dev t0; ip link set t0 up")
    g.sh("{ until netguest send 10.9.0.2 9 300000; do sleep 1; done "
         ">/tmp/in 2>&1 & }")


def mon(g, *steps):
    """Lines for the inner monitor, over the console they share, each with the
    words to wait for."""
    os.write(g.console.into, b"\x01c")
    said, ok = "", True
    for line, words in steps:
        g.text = ""
        g.start(line)
        ok = g.wait(words, 120) and ok
        said += g.text
    os.write(g.console.into, b"\x01c")
    g.sh("true")
    return ok, said


def started(device, is_it):
    return (f"info virtio-status {device}",
            f"vhost_started:           {is_it}")


def send_out(g, name):
    out = g.sh("netguest send 10.9.0.1 9 300000", LONG)
    result("sent same" in out, name, out)


def test(g):
    host_ready(g)
    g.start(INNER)
    if not result(g.wait("guest: ready", LONG), "a machine within comes up",
                  g.log[-3000:] + g.stderr()):
        return
    ok, said = mon(g, started("nic0", "true"))
    result(ok, "the card's rings are its host's kernel's", said)
    ok, said = mon(g, ("info virtio-vhost-queue-status nic0 1", "used_size"))
    result(ok and "virtio-net (vhost)" in said,
           "which was told where they are", said)
    g.sh("netguest serve")
    g.sh("ip addr add 10.9.0.2/24 dev eth0; ip link set eth0 up")
    send_out(g, "TCP out through vhost-net")
    ok, said = mon(g, started("vs0", "true"))
    out = g.sh("netguest vsend 5000 hello", LONG)
    result(ok and "hello" in out, "an echo through vhost-vsock", out + said)

    ok, said = mon(g, ("stop", "stop"), started("nic0", "false"),
                   ("cont", "cont"), started("nic0", "true"))
    result(ok, "while it is paused they are mote's", said)
    send_out(g, "TCP after a pause")
    ok, said = mon(g, ("set_link n0 off", "off"), started("nic0", "false"),
                   ("set_link n0 on", "on"), started("nic0", "true"))
    result(ok, "and without a cable", said)
    send_out(g, "TCP after that")

    g.text = ""
    g.start("poweroff -f")
    g.wait("reboot: Power down", 120)
    g.text = ""
    g.wait("# ", 120)
    out = g.until("cat /tmp/in", "sent same", LONG)
    result(out, "TCP in through vhost-net", g.sh("cat /tmp/in"))


with tempfile.TemporaryDirectory(prefix="mote-vhost-") as tmp:
    g = Guest("-smp", "2", tmp=tmp, memory="900", initrd=BOOT + "/vhost.gz")
    try:
        if result(g.wait("guest: ready"), "the host comes up",
                  g.log + g.stderr()):
            test(g)
    finally:
        g.end()
plan()
