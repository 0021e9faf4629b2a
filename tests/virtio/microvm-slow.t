#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""-M microvm,acpi=off with the small kernel of `make microvm-kernel`: CPUs and
interrupts from the MP table, virtio-mmio devices from the command line, and no
driver that waits for a chip there is not.
"""
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guest import BOOT, Guest, disk_keeps, plan, result

KERNEL = BOOT + "/microvm-vmlinux"


def test(tmp, acpi):
    how = "acpi=" + acpi
    with open(tmp + "/d.img", "wb") as f:
        f.truncate(64 << 20)
    g = Guest("-M", "microvm," + how, "-smp", "2",
              "-drive", f"file={tmp}/d.img,format=raw,id=d0",
              "-nic", "user", "-device", "virtio-rng-device",
              append="printk.time=1", kernel=KERNEL, tmp=tmp)
    if not result(g.wait("guest: ready"), how + ": it comes up",
                  g.log + g.stderr()):
        g.end()
        return
    out = g.sh("nproc; ls /sys/bus/virtio/devices; cat /proc/cmdline")
    announced = "virtio_mmio.device=" in out
    result(out.startswith("2\n") and "virtio2" in out and
           announced == (acpi == "off"),
           how + ": two CPUs and three devices, told as they should be", out)
    disk_keeps(g, how + ": a file system on the disk")
    out = g.sh("ip link set eth0 up; udhcpc -q -n -i eth0 -s /bin/lease "
               ">/dev/null 2>&1; ip -4 -o addr show dev eth0")
    result("10.0.2.15" in out, how + ": an address by DHCP", out)
    out = g.sh("dmesg | grep -i rtc_cmos; dmesg | tail -1")
    result("not accessible" not in out, how + ": no wait for a clock chip",
           out)
    g.start("reboot -f")
    result(g.end(None) == 0, how + ": reboot ends it")


if not os.path.exists(KERNEL):
    print("1..0 # SKIP no small kernel (make microvm-kernel, once)")
    sys.exit()
with tempfile.TemporaryDirectory(prefix="mote-microvm-") as tmp:
    test(tmp, "off")
    test(tmp, "on")
plan()
