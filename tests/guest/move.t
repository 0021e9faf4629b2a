#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# TAP: accel_switch moves a running guest (move.c) to and fro, 100 times, while
# its timers, clocks, IPIs and registers are looked at by the guest itself.
#
# O: the build folder.  MOVES: how often (100).  SEED: of the pauses between.
import os
import random
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "monitor"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                ".."))
import host                                                         # noqa: E402
import vm as motevm                                                 # noqa: E402

O = os.environ.get("O", "build")
MOVES = int(os.environ.get("MOVES", "100"))
LIMIT = int(os.environ.get("GUEST_LIMIT", "240"))
OTHER = {"kvm": "tcg", "tcg": "kvm"}
t = motevm.Tap()


class Guest(motevm.Vm):
    def __init__(self, accel, cpus, options=(), run=True):
        image = os.path.abspath(os.path.join(O, "tests/guest/move.elf"))
        super().__init__(
            ["-m", "64", "-smp", str(cpus), "-kernel", image,
             "-append", "cpus=%d" % cpus, "-S",
             "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
             "-serial", "unix:serial,server=on,wait=off"] + list(options),
            accel=accel)
        self.serial = self.dial("serial", 60)
        self.qmp = motevm.Qmp(self)
        self.said = b""
        if run:
            self.qmp.ask({"execute": "cont"})
        self.qmp.events.clear()

    def until(self, text):
        """Everything the guest said, when `text` is in it or time is up."""
        self.serial.settimeout(1)
        end = time.time() + LIMIT
        while text not in self.said and time.time() < end:
            try:
                got = self.serial.recv(4096)
            except TimeoutError:
                continue
            if not got:
                break
            self.said += got
        return text in self.said

    def complaints(self):
        self.log.seek(0)
        return self.log.read()

    def switch(self, accel):
        return self.qmp.ask({"execute": "x-accel-switch",
                             "arguments": {"accel": accel}})


def to_and_fro(accel, cpus, moves):
    name = "%d CPUs, %d times, from %s" % (cpus, moves, accel)
    g = Guest(accel + ",switch=on", cpus)
    rng = random.Random(int(os.environ.get("SEED", "1")))
    answers, at = [], accel
    ok = g.until(b"started")
    try:
        for _ in range(moves if ok else 0):
            at = OTHER[at]
            answers.append(g.switch(at))
            time.sleep(rng.random() * 0.06)
        bad = [a for a in answers if a is None or "return" not in a]
        t.ok(ok and not bad, "every switch is done: " + name, str(bad[:1]))
        kvm = g.qmp.ask({"execute": "human-monitor-command", "arguments":
                         {"command-line": "info kvm"}})["return"]
        t.ok("%d switches" % moves in kvm, "they are counted: " + name, kvm)
        events = [e for e in g.qmp.events if e["event"] == "X_ACCEL_SWITCHED"]
        t.ok(len(events) == moves and not any(
            e["event"] in ("STOP", "RESUME") for e in g.qmp.events),
            "there is an event for each, and none of a stop: " + name)
        g.serial.sendall(b"q")
        done = g.until(b"as it was") or b"failed" in g.said
        code = g.proc.wait(LIMIT) if done else "hung"
        t.ok(code == 33 and b"as it was" in g.said,
             "the guest did not notice: " + name,
             "%s\n%s" % (code, g.said.decode(errors="replace")))
    except (BrokenPipeError, ConnectionError, OSError) as e:
        g.until(b"as it was")
        t.ok(False, "mote lives: " + name,
             "%s\n%s\nexit %s: %s" % (e, g.said.decode(errors="replace"),
                                     g.proc.wait(LIMIT), g.complaints()))
    finally:
        g.end()


class Gdb:
    """As much of gdb's protocol as a breakpoint needs."""

    def __init__(self, guest):
        self.s = guest.dial("gdb")
        self.s.settimeout(LIMIT)
        self.buf = b""

    def ask(self, text):
        self.s.sendall(b"$%s#%02x" % (text.encode(),
                                      sum(text.encode()) & 255))
        while not re.search(rb"\$([^#]*)#..", self.buf):
            got = self.s.recv(4096)
            if not got:
                return ""
            self.buf += got
        found = re.search(rb"\$([^#]*)#..", self.buf)
        self.buf = self.buf[found.end():]
        self.s.sendall(b"+")
        return found.group(1).decode()


def symbol(name):
    out = subprocess.run(["nm", O + "/tests/guest/move.elf"], check=True,
                         capture_output=True, text=True).stdout
    return int(re.search(r"(\w+) \w %s\n" % name, out).group(1), 16)


def breakpoints():
    g = Guest("tcg,switch=on", 1, ["-gdb", "unix:gdb,server=on,wait=off"],
              run=False)
    try:
        gdb, at = Gdb(g), symbol("on_timer")
        stops = [gdb.ask("Z1,%x,1" % at)]
        for accel in ("kvm", "tcg", "kvm"):
            stops.append(gdb.ask("c")[:3] + gdb.ask("p10"))
            g.switch(accel)
        rip = at.to_bytes(8, "little").hex()
        t.ok(stops == ["OK"] + ["T05" + rip] * 3, "a debugger's breakpoints "
             "go along, and a stopped guest moves", stops)
    finally:
        g.end()


def confined():
    name = "a VM in a jail moves, too"
    why = host.no_jail()
    if why:
        t.ok(True, name + " # SKIP " + why)
        return
    with tempfile.TemporaryDirectory() as root:
        g = Guest("tcg,switch=on", 1, ["-jail", root + ",uid=65534,gid=65534"])
        try:
            ok = g.until(b"started")
            said = [g.switch(a) for a in ("kvm", "tcg", "kvm")]
            g.serial.sendall(b"q")
            g.until(b"as it was")
            t.ok(ok and all(s and "return" in s for s in said) and
                 b"as it was" in g.said, name, "%s %s" % (said, g.said))
        finally:
            g.end()


if not (os.access("/dev/kvm", os.R_OK | os.W_OK)):
    motevm.skip("no usable /dev/kvm here")
for first in ("tcg", "kvm"):
    for ncpus in (1, 2):                # each of the four ends elsewhere
        to_and_fro(first, ncpus, MOVES + ncpus - 1)
breakpoints()
confined()
print("1..%d" % t.n)
sys.exit(1 if t.failed else 0)
