#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""TAP, over PCI and over MMIO: TCP both ways through a tap with offloads on,
byte for byte; the balloon in and out, and the host's memory follows; entropy.

Runs in a network namespace of its own.
"""
import hashlib
import os
import socket
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guest import Guest, plan, result, skip, until

MB = 32


def enter_namespace():
    if os.environ.get("MOTE_NETNS"):
        return
    if subprocess.run(["unshare", "-n", "true"],
                      capture_output=True).returncode:
        print("1..0 # SKIP cannot make a network namespace (needs root)")
        sys.exit()
    os.environ["MOTE_NETNS"] = "1"
    os.execvp("unshare", ["unshare", "-n", sys.executable] + sys.argv)


def tap():
    for c in ("ip link set lo up", "ip tuntap add dev t0 mode tap vnet_hdr",
              "ip addr add 10.9.0.1/24 dev t0", "ip link set t0 up"):
        p = subprocess.run(c.split(), capture_output=True, text=True)
        if p.returncode:
            print("1..0 # SKIP no tap here: " + p.stderr.strip())
            sys.exit()


class Server:
    """One connection: what came is hashed, `data` goes out."""

    def __init__(self, data=b""):
        self.s = socket.create_server(("10.9.0.1", 0))
        self.port = self.s.getsockname()[1]
        self.got = hashlib.sha256()
        self.data = data
        self.t = threading.Thread(target=self.run, daemon=True)
        self.t.start()

    def run(self):
        c, _ = self.s.accept()
        if self.data:
            c.sendall(self.data)
            c.shutdown(socket.SHUT_WR)
        while True:
            chunk = c.recv(1 << 18)
            if not chunk:
                break
            self.got.update(chunk)
        c.close()


class Largest:
    """The largest frame that crosses the tap one way, as the host sees it.

    The largest, not the mean: a sender that is being slowed down sends
    small ones too.
    """

    FROM_HOST = 4               # PACKET_OUTGOING, linux/if_packet.h

    def __init__(self, from_host):
        self.s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                               socket.htons(3))
        self.s.bind(("t0", 3))
        self.from_host = from_host
        self.size = 0
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        head = bytearray(64)
        while True:
            n, _, _, who = self.s.recvmsg_into([head], 0, socket.MSG_TRUNC)
            if (who[2] == self.FROM_HOST) == self.from_host:
                self.size = max(self.size, n)


def test_tcp(g, how):
    g.sh("ip addr add 10.9.0.2/24 dev eth0; ip link set eth0 up")
    bits = g.sh("cat /sys/class/net/eth0/device/features")
    on = [i for i, c in enumerate(bits.strip()) if c == "1"]
    result({0, 1, 7, 11, 15} <= set(on),
           how + ": checksums, TSO and merged buffers are agreed on", on)
    out = Server()
    seen = Largest(from_host=False)
    told = g.sh(f"dd if=/dev/urandom of=/tmp/r bs=1M count={MB} 2>/dev/null; "
                f"nc 10.9.0.1 {out.port} </tmp/r; sha256sum </tmp/r", 300)
    out.t.join(60)
    result(out.got.hexdigest() in told, how + ": TCP out, every byte", told)
    result(seen.size > 1514, how + ": in frames larger than the wire's",
           seen.size)
    back = Server(os.urandom(MB << 20))
    seen = Largest(from_host=True)
    told = g.sh(f"nc 10.9.0.1 {back.port} </dev/null | sha256sum", 300)
    result(hashlib.sha256(back.data).hexdigest() in told,
           how + ": TCP in, every byte", told)
    result(seen.size > 3000, how + ": in merged frames", seen.size)


def test_balloon(g, how):
    g.sh("dd if=/dev/zero of=/tmp/fill bs=1M count=200 2>/dev/null; "
         "rm /tmp/fill", 300)
    full = g.resident()
    g.hmp("balloon 192")
    ok = until(120, lambda: "actual=192 " in g.hmp("info balloon"))
    small = g.resident()
    result(ok and small <= 200 and small < full - 100,
           how + ": the balloon in, and the host has its memory",
           (full, small, g.hmp("info balloon")))
    g.hmp("balloon 384")
    ok = until(120, lambda: int(g.hmp("info balloon").split("actual=")[1]
                                .split()[0]) >= 380)
    g.sh("dd if=/dev/zero of=/tmp/fill bs=1M count=200 2>/dev/null", 300)
    result(ok and g.resident() > small + 100,
           how + ": the balloon out, and the guest uses it",
           (small, g.resident(), g.hmp("info balloon")))


def test_transport(how, tmp):
    g = Guest("-netdev", "tap,id=n0,ifname=t0,script=no,downscript=no",
              "-device", f"virtio-net-{how},netdev=n0",
              "-device", f"virtio-balloon-{how},id=b0,"
              "free-page-reporting=off",
              "-device", f"virtio-rng-{how}", tmp=tmp, memory="384")
    if not result(g.wait("guest: ready"), how + ": the guest comes up",
                  g.log + g.stderr()):
        g.end()
        return
    try:
        test_tcp(g, how)
        out = g.sh("dd if=/dev/hwrng bs=64 count=16 2>/dev/null | wc -c")
        result("1024" in out, how + ": entropy", out)
        g.sh("rm -f /tmp/r")
        test_balloon(g, how)
    finally:
        result(g.end() == 0, how + ": it powers off")


def test_vhost(tmp):
    """The same bytes, moved by the host's kernel."""
    if not os.access("/dev/vhost-net", os.R_OK | os.W_OK):
        skip("TCP both ways through vhost-net", "no /dev/vhost-net that may "
             "be opened (vhost-slow.t has one, in a guest)")
        return
    g = Guest("-netdev", "tap,id=n0,ifname=t0,script=no,vhost=on",
              "-device", "virtio-net-pci,netdev=n0,id=nic0",
              tmp=tmp, memory="384")
    ok = g.wait("guest: ready")
    said = g.hmp("info virtio-status nic0")
    result(ok and "vhost_started:           true" in said,
           "vhost: the kernel works the rings", said + g.stderr())
    test_tcp(g, "vhost")
    result(g.end() == 0, "vhost: it powers off")


enter_namespace()
tap()
with tempfile.TemporaryDirectory(prefix="mote-tap-") as tmp:
    for how in ("pci", "device"):
        test_transport(how, tmp)
    test_vhost(tmp)
plan()
