#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A terminal that changes its size under a guest: SIGWINCH reaches mote,
`stty size` in the guest says the new one, on both transports, with and
without several ports.
"""
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guest import Guest, Terminal, plan, result

SIZE = "stty size -F /dev/hvc0"


def test_size(tmp, device, name):
    # The shell is on the serial port; both are on the terminal.
    t = Terminal(132, 43)
    g = Guest("-chardev", "stdio,id=c0,mux=on", "-chardev", "null,id=n0",
              "-device", device, tmp=tmp, serial="chardev:c0", console=t)
    g.wait("guest: ready")
    g.sh("echo hello >/dev/hvc0")
    ok = g.until(SIZE, "43 132", 30)
    result(ok, f"{name}: the console has the terminal's size", g.text)
    t.size(97, 31)
    ok = g.until(SIZE, "31 97", 30)
    result(ok, f"{name}: and follows it", g.text)
    g.end()


with tempfile.TemporaryDirectory(prefix="mote-console-") as tmp:
    test_size(tmp, "virtio-serial-pci,chardev=c0", "one port, PCI")
    test_size(tmp, "virtio-serial-device,chardev=c0,chardev1=n0",
              "several ports, MMIO")
plan()
