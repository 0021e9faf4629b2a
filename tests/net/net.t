#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""TAP: networks inside a stock Debian kernel: DHCP and both directions of TCP
through mote-slirp, hostfwd by the monitor, set_link, pcap, frames over stream
sockets between two guests, and vsock both ways.

O: the build folder.  NET_MB: megabytes each way.  NET_ONLY: run these alone.
"""
import os
import socket
import struct
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "../virtio"))
import guest
from guest import plan, result

MB = int(os.environ.get("NET_MB", "4"))
ONLY = os.environ.get("NET_ONLY", "").split()


def fnv_fold(data):
    h = 0xcbf29ce484222325
    for b in data:
        h = ((h ^ b) * 0x100000001b3) & 0xffffffffffffffff
    return h


def boot(*options, **how):
    return guest.Guest(*options, initrd=guest.BOOT + "/net.gz", **how)


def free_port():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]
    s.close()
    return port


def connect(port, limit=10):
    end = time.time() + limit
    while True:
        try:
            s = socket.create_connection(("127.0.0.1", port), 10)
            s.settimeout(60)
            return s
        except OSError:
            if time.time() > end:
                raise
            time.sleep(0.2)


def push(sock, data):
    """Send, end, and read the answer of something that counts."""
    sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)
    out = b""
    while True:
        got = sock.recv(4096)
        if not got:
            return out.decode()
        out += got


def counting_server():
    """One connection, answered as netguest's port 9 does."""
    s = socket.create_server(("127.0.0.1", 0))
    seen = {}

    def run():
        c, _ = s.accept()
        total, data, start = 0, [], time.time()
        while True:
            got = c.recv(1 << 20)
            if not got:
                break
            total += len(got)
            data.append(got)
        seen["seconds"] = time.time() - start
        # In C this would be quick; in Python a hash of all is not.
        c.sendall(f"{total} {fnv_fold(b''.join(data)):016x}\n".encode())
        c.close()

    t = threading.Thread(target=run, daemon=True)
    t.start()
    return s.getsockname()[1], t, seen


def echo(sock, text):
    sock.sendall(text)
    out = b""
    while len(out) < len(text):
        got = sock.recv(65536)
        if not got:
            break
        out += got
    return out


def forwards_to(tmp):
    """What a guest's connection to 10.0.2.100 is led into: a command, a unix
    socket, a TCP connection, each with an answer of its own."""
    def answer(c, word):
        text = b""
        while not text.endswith(b"\n"):
            got = c.recv(100)
            if not got:
                return
            text += got
        c.sendall(word + b" got " + text)
        c.close()

    def serve(listener, word):
        while True:
            c = listener.accept()[0]
            threading.Thread(target=answer, args=(c, word),
                             daemon=True).start()

    tcp = socket.create_server(("127.0.0.1", 0))
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(tmp + "/fwd")
    unix.listen()
    for s, word in (tcp, b"tcp"), (unix, b"unix"):
        threading.Thread(target=serve, args=(s, word), daemon=True).start()
    return (f"guestfwd=tcp:10.0.2.100:1001-cmd:sed -u 's/^/cmd got /',"
            f"guestfwd=tcp:10.0.2.100:1002-unix:{tmp}/fwd,"
            f"guestfwd=tcp:10.0.2.100:1003-tcp:127.0.0.1:"
            f"{tcp.getsockname()[1]},")


def test_guestfwd(g):
    for port, word in (1001, "cmd"), (1002, "unix"), (1003, "tcp"):
        ok = g.run(f"(echo hello {port}; sleep 9) | nc 10.0.2.100 {port} &",
                   f"{word} got hello {port}", 20)
        result(ok, f"guestfwd to {word}", g.text)


def test_user(tmp, pci=True):
    fwd, echo_port, late = free_port(), free_port(), free_port()
    g = boot("-netdev", f"user,id=n0,{forwards_to(tmp)}"
             f"hostfwd=tcp:127.0.0.1:{fwd}-:9,"
             f"hostfwd=tcp:127.0.0.1:{echo_port}-:7",
             "-device", "virtio-net-pci,netdev=n0,id=card",
             "-object", f"filter-dump,id=d,netdev=n0,file={tmp}/x.pcap",
             tmp=tmp)
    up = g.wait("guest: ready")
    result(up and "guest: address 10.0.2.15/24" in g.text,
           "DHCP gives the guest an address", g.text)
    if not up:
        g.end()
        return
    data = os.urandom(65536) * (16 * MB)
    start = time.time()
    got = push(connect(fwd), data)
    took = time.time() - start
    result(got == f"{len(data)} {fnv_fold(data):016x}\n",
           f"{MB} MB to the guest by hostfwd", got)
    print(f"# to the guest: {len(data) / took / 1e6:.0f} MB/s")
    port, t, seen = counting_server()
    start = time.time()
    ok = g.run(f"netguest send 10.0.2.2 {port} {len(data)}",
               "guest: sent same")
    result(ok, f"{MB} MB from the guest", g.text)
    if ok:
        print(f"# from the guest: {len(data) / seen['seconds'] / 1e6:.0f} MB/s")
    s = connect(echo_port)
    start = time.time()
    same = all(echo(s, b"x" * n) == b"x" * n for n in (1, 100, 1448, 9000))
    result(same, "an echo through hostfwd")
    start = time.time()
    for _ in range(200):
        echo(s, b"x")
    print(f"# {200 / (time.time() - start):.0f} round trips a second")
    test_guestfwd(g)
    info = g.hmp(f"hostfwd_add tcp:127.0.0.1:{late}-:7")
    try:
        ok = echo(connect(late), b"hello") == b"hello"
    except OSError as e:
        ok, info = False, e
    result(ok, "hostfwd_add forwards at once", info)
    info = g.hmp("info network")
    result("n0: index=0,type=user" in info and "card: index=0" in info and
           "macaddr=52:54:00:12:34:56" in info, "info network", info)
    info = g.hmp("info usernet")
    result("HOST_FORWARD" in info and str(late) in info, "info usernet", info)
    info = g.hmp(f"hostfwd_remove tcp:127.0.0.1:{late}")
    left = [l for l in g.hmp("info usernet").split("\n")
            if "HOST_FORWARD" in l and str(late) in l]
    result("removed" in info and not left, "hostfwd_remove", info)
    g.hmp("set_link card off")
    down = g.run("sleep 1; echo carrier $(cat /sys/class/net/eth0/carrier)",
                 "carrier 0", 20)
    g.hmp("set_link n0 on")
    again = g.run("sleep 1; echo carrier $(cat /sys/class/net/eth0/carrier)",
                  "carrier 1", 20)
    result(down and again, "set_link pulls and plugs the cable", g.text)
    same = echo(s, b"still here") == b"still here"
    result(same, "a connection outlives it")
    g.hmp("announce_self")
    with open(tmp + "/x.pcap", "rb") as f:
        pcap = f.read()
    frames, at = 0, 24
    while at + 16 <= len(pcap):
        at += 16 + struct.unpack_from("<I", pcap, at + 8)[0]
        frames += 1
    result(pcap[:4] == b"\xd4\xc3\xb2\xa1" and frames > 20 and
           at == len(pcap), "filter-dump writes a pcap file")
    result(g.end() == 0, "the guest powers off")


def test_pair(tmp):
    """Two guests on a unix stream socket, addresses by hand."""
    path = tmp + "/wire"
    a = boot("-netdev", f"stream,id=n,server=on,addr.type=unix,"
             f"addr.path={path}", "-device", "virtio-net-pci,netdev=n",
             append="mote.ip=192.168.7.1/24", tmp=tmp)
    b = boot("-netdev", f"stream,id=n,addr.type=unix,addr.path={path},"
             "reconnect=1", "-device",
             "virtio-net-pci,netdev=n,mac=52:54:00:00:00:02",
             append="mote.ip=192.168.7.2/24", tmp=tmp)
    if not a.wait("guest: ready") or not b.wait("guest: ready"):
        result(False, "two guests on a stream socket", a.text + b.text)
        a.end()
        b.end()
        return
    ok = b.run("ping -c 2 -W 5 192.168.7.1 | tail -n 2", "0% packet loss")
    result(ok, "two guests on a stream socket ping", b.text)
    b.run("nc 192.168.7.1 7 </dev/null; echo do''ne", "done", 10)
    ok = b.run("echo through the wire | nc 192.168.7.1 7 & sleep 2",
               "\nthrough the wire")
    result(ok, "and speak TCP", b.text)
    a.end()
    b.end()


def vsock_connect(path, port):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    s.connect(path)
    s.sendall(f"CONNECT {port}\n".encode())
    line = b""
    while not line.endswith(b"\n"):
        got = s.recv(1)
        if not got:
            break
        line += got
    return s, line.decode()


def test_vsock(tmp):
    path = tmp + "/v.sock"
    g = boot("-device", f"virtio-vsock-pci,guest-cid=3,uds_path={path}",
             tmp=tmp)
    if not g.wait("guest: ready"):
        result(False, "vsock: the guest comes up", g.text)
        g.end()
        return
    s, line = vsock_connect(path, 5000)
    result(line.startswith("OK "), "vsock: CONNECT is answered by OK", line)
    data = os.urandom(1 << 20)
    out = []

    def reader():
        n = 0
        while n < len(data):
            got = s.recv(65536)
            if not got:
                break
            out.append(got)
            n += len(got)

    t = threading.Thread(target=reader, daemon=True)
    t.start()
    s.sendall(data)
    t.join(60)
    result(b"".join(out) == data, "vsock: a megabyte echoed by the guest")
    s.close()
    s, line = vsock_connect(path, 4999)
    result(line == "", "vsock: a port nobody listens on closes", line)
    server = socket.socket(socket.AF_UNIX)
    server.bind(path + "_52")
    server.listen()

    def serve():
        c, _ = server.accept()
        c.sendall(b"[" + c.recv(100) + b"]")
        c.close()

    threading.Thread(target=serve, daemon=True).start()
    ok = g.run("netguest vsend 52 hello", "guest: vsock answer [hello]")
    result(ok, "vsock: the guest reaches a host service", g.text)
    ok = g.run("netguest vsend 53 hello", "guest: vsock connect:")
    result(ok, "vsock: and none where none listens", g.text)
    result(g.end() == 0, "vsock: the guest powers off")


TESTS = [test_user, test_pair, test_vsock]


def main():
    with tempfile.TemporaryDirectory() as tmp:
        for t in TESTS:
            if not ONLY or t.__name__[5:] in ONLY:
                t(tmp)
    plan()


main()
