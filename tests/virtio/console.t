#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A terminal that changes its size under a guest: SIGWINCH reaches mote,
`stty size` in the guest says the new one, on both transports, with and
without several ports.  And ports that are devices: there from the start,
coming and going.
"""
import os
import socket
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guest import Guest, Terminal, plan, result, until

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


def test_ports(tmp, how, machine):
    """As libvirt writes it: an agent's port, and one that comes later."""
    g = Guest("-M", machine, "-device", f"virtio-serial-{how},id=vs0",
              "-chardev", f"socket,id=a,path={tmp}/a-{how},server=on,wait=off",
              "-chardev", "ringbuf,id=r", "-chardev", "null,id=n",
              "-device", "virtconsole,chardev=r",
              "-device", "virtserialport,bus=vs0.0,chardev=a,id=agent,"
              "name=org.test.agent", tmp=tmp)
    names = "grep . /sys/class/virtio-ports/*/name"
    a = socket.socket(socket.AF_UNIX)
    a.connect(f"{tmp}/a-{how}")
    a.settimeout(60)
    a.sendall(b"to the guest\n")
    g.wait("guest: ready")
    ok = g.until(names, "vport0p1/name:org.test.agent", 30) or \
        "org.test.agent" in g.text
    result(ok, f"{machine}: a virtserialport has its name", g.text)
    g.sh("echo from the console >/dev/hvc0")
    result(until(30, lambda: "from the console" in
                 g.hmp("ringbuf_read r 100")),
           "a virtconsole is hvc0 and speaks to its chardev")
    out = g.sh("exec 3<>/dev/vport0p1; echo to the host >&3; "
               "read -t 30 line <&3; echo got $line; exec 3>&-")
    result("got to the guest" in out, "bytes go to the guest", out)
    result(a.recv(100) == b"to the host\n", "and to the host")
    result(g.event("VSERPORT_CHANGE", 30, id="agent", open=True),
           "opening it is an event", g.events)
    g.qmp("device_add", driver="virtserialport", chardev="n", id="late",
          name="org.test.late")
    result(g.until(names, "org.test.late", 30), "one comes later", g.text)
    g.qmp("device_del", id="agent")
    result(g.event("DEVICE_DELETED", 30, device="agent") and
           g.until(f"{names}; echo ports", "ports", 30) and
           until(30, lambda: "org.test.agent" not in g.sh(names)),
           "and one goes", g.text)
    why = g.why("device_add", driver="virtserialport", id="x",
                name="org.test.late")
    result("org.test.late" in why, "a name that is taken is refused", why)
    if how == "pci":
        g.qmp("device_del", id="vs0")
        result(g.event("DEVICE_DELETED", 60, device="late") and
               g.event("DEVICE_DELETED", 60, device="vs0"),
               "a virtio-serial goes with its ports", g.events)
    g.end()


with tempfile.TemporaryDirectory(prefix="mote-console-") as tmp:
    test_size(tmp, "virtio-serial-pci,chardev=c0", "one port, PCI")
    test_size(tmp, "virtio-serial-device,chardev=c0,chardev1=n0",
              "several ports, MMIO")
    test_ports(tmp, "pci", "pc")
    test_ports(tmp, "device", "microvm")
plan()
