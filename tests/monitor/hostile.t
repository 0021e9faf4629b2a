#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Clients nobody wants: huge lines, junk, deep nesting, one that never reads,
two hundred at once.  Another monitor is answered all the while, and no vCPU
is called away from the guest for any of it.

HOSTILE_MB: size of the huge lines (8; `make check-slow` takes 200).
"""
import os
import random
import select
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from vm import PATIENCE, Hmp, Qmp, Tap, Vm

MB = int(os.environ.get("HOSTILE_MB", "8"))
tap = Tap()


def rss_kb(pid):
    for line in open("/proc/%d/status" % pid):
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


class Watch:
    """Asks `info status` every few ms and keeps the times."""

    def __init__(self, vm, name):
        self.mon = Hmp(vm, name)
        self.times, self.wrong, self.stop = [], 0, False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.stop:
            t = time.monotonic()
            try:
                self.wrong += "VM status: running" not in \
                    self.mon.ask("info status")
            except OSError as e:
                self.wrong += 1
                return
            self.times.append(time.monotonic() - t)
            time.sleep(0.005)

    def end(self):
        self.stop = True
        self.thread.join()
        self.mon.sock.close()
        return sorted(self.times)


def pour(sock, chunk, total):
    """Send and take what comes back, so that neither side waits."""
    sock.settimeout(PATIENCE)
    seen = bytearray()

    def drain():
        try:
            while True:
                got = sock.recv(1 << 16)
                if not got:
                    return
                if len(seen) < 1 << 20:
                    seen.extend(got)
        except OSError:
            return

    t = threading.Thread(target=drain)
    t.start()
    sent = 0
    try:
        while sent < total:
            sock.sendall(chunk)
            sent += len(chunk)
        sock.sendall(b"\n")
        time.sleep(0.3)
    except OSError as e:
        seen.extend(repr(e).encode())
    sock.shutdown(socket.SHUT_RDWR)
    t.join()
    sock.close()
    return bytes(seen)


def called_away():
    text = watcher.ask({"execute": "human-monitor-command", "arguments": {
        "command-line": "info stats vcpu called_away"}})["return"]
    return int(text.split(":")[-1])


def scenario(name, act):
    away = called_away()
    watch = Watch(vm, "h1")
    try:
        good, detail = act()
    except Exception as e:
        good, detail = False, repr(e)
    times = watch.end()
    p99 = times[int(len(times) * 0.99)] * 1000 if times else -1
    away = called_away() - away
    tap.ok(good and not watch.wrong and not away and vm.proc.poll() is None,
           "%s (others: %d answers, p99 %.2f ms)" % (name, len(times), p99),
           "%s; wrong answers: %d; vCPU stops: %d" % (detail, watch.wrong,
                                                      away))


def huge_hmp():
    pour(vm.dial("h0"), b"x" * (1 << 20), MB << 20)
    return "running" in Hmp(vm, "h0").ask("info status"), ""


def huge_qmp():
    got = pour(vm.dial("q0"), b"a" * (1 << 20), MB << 20)
    return b"JSON token size limit exceeded" in got and \
        got.count(b"error") == 1, got[-300:]


def huge_qmp_string():
    s = vm.dial("q0")
    s.sendall(b'{"execute": "')
    got = pour(s, b"a" * (1 << 20), MB << 20)
    return b"JSON token size limit exceeded" in got, got[-300:]


def nesting():
    got = pour(vm.dial("q0"), b'{"a":[' * 100000, MB << 18)
    return b"nesting depth limit" in got, got[-300:]


def junk():
    rng = random.Random(1)
    for name in ("h0", "q0"):
        for i in range(8):
            pour(vm.dial(name), rng.randbytes(1 << 15), 1 << 15)
    q = Qmp(vm)
    good = q.ask({"execute": "query-status"})["return"]["running"]
    q.sock.close()
    return good, ""


def never_reads():
    before = rss_kb(vm.proc.pid)
    deaf = []
    for name, text in (("q0", b'{"execute":"query-qmp-schema"}' * 64),
                       ("h0", b"help\n" * 64)):
        s = vm.dial(name)
        s.setblocking(False)
        deaf.append(s)
        if name == "q0":
            s.setblocking(True)
            s.sendall(b'{"execute":"qmp_capabilities"}')
            s.setblocking(False)
        for i in range(400):
            try:
                s.send(text)
            except BlockingIOError:
                time.sleep(0.001)
    hmp = Hmp(vm, "h2")
    for i in range(100):
        hmp.ask("system_powerdown")    # an event each
    grown = rss_kb(vm.proc.pid) - before
    for s in deaf:
        s.close()
    hmp.sock.close()
    return grown < 48 << 10, "grew by %d KB" % grown


def left_behind():
    """Thousands of questions, and nobody waits for the answers: others are
    answered in between, and who comes next hears none of them."""
    s = vm.dial("q0")
    s.sendall(b'{"execute":"qmp_capabilities"}')
    s.recv(4096)
    s.setblocking(False)
    text, sent = b'{"execute":"query-qmp-schema"}' * 64, 0
    end = time.time() + 2
    while sent < 1 << 16 and time.time() < end:
        try:
            sent += s.send(text)
        except BlockingIOError:
            time.sleep(0.001)
    s.close()
    s, answers = vm.dial("q0"), 0
    while not select.select([s], [], [], 0)[0]:
        watcher.ask({"execute": "query-status"})
        answers += 1
    first = s.recv(1 << 16)
    s.close()
    asked = sent // len(text) * 64
    return answers > asked / 20 and first.startswith(b'{"QMP"'), \
        "%d answers while %d were none's; then %r" % (answers, asked,
                                                     first[:100])


def crowd():
    socks = []
    for i in range(200):
        s = socket.socket(socket.AF_UNIX)
        s.setblocking(False)
        try:
            s.connect(vm.path("h0" if i % 2 else "q0"))
        except OSError:
            pass
        socks.append(s)
    time.sleep(0.2)
    for s in socks:
        try:
            s.send(b"info status\n")
        except OSError:
            pass
    time.sleep(0.2)
    for s in socks:
        s.close()
    return "running" in Hmp(vm, "h0").ask("info status"), ""


vm = Vm(hmps=3, qmps=2)
watcher = Qmp(vm, "q1")
scenario("a line of %d MB to the human monitor" % MB, huge_hmp)
scenario("a word of %d MB to QMP" % MB, huge_qmp)
scenario("a string of %d MB to QMP" % MB, huge_qmp_string)
scenario("deep nesting", nesting)
scenario("binary junk", junk)
scenario("clients that never read", never_reads)
scenario("questions of a client that left", left_behind)
scenario("two hundred clients at once", crowd)
tap.ok(vm.end() == 0, "it ends in peace")
tap.done()
