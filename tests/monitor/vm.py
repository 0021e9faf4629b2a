# SPDX-License-Identifier: MIT
"""A mote with monitors on unix sockets, for the tests beside this file."""
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

PATIENCE = 120                         # seconds; the machine may be busy

# What only reads.  Of these a running vCPU must hear nothing ...
READ_ONLY = ["info status", "info version", "info cpus", "info chardev",
             "info mtree -f", "info ramblock", "info roms", "info qtree",
             "info qom-tree", "info qdm", "info name", "info uuid",
             "info history", "info network", "info block", "info blockstats",
             "info pci", "info pic", "info irq", "info kvm", "info jit",
             "info iothreads", "info mice", "info numa", "info balloon",
             "info dirty_rate", "info virtio", "info trace-events",
             "info stats vm", "info stats vcpu", "info sync-profile",
             "xp /16x 0x1000", "sum 0x100000 4096", "print 1+2", "help",
             "gpa2hva 0x100000", "qom-list /machine", "i /b 0x71"]
# ... and these are questions to it: once each.
OF_THE_CPU = ["info registers", "x /4i $pc", "print $rip", "gva2gpa 0x1000",
              "info lapic", "info tlb", "info mem"]


def skip(why):
    print("1..0 # SKIP " + why)
    sys.exit(0)


def multiboot_image(path):
    """A guest that counts in a register for ever, whatever interrupts it: a
    reset of its own, some time after an NMI, is a race in a test."""
    magic, flags, at = 0x1badb002, 0x10000, 0x100000
    head = 32

    def build(gdtr, idtr):
        return (b"\x0f\x01\x15" + struct.pack("<I", gdtr) +    # lgdt
                b"\xea" + struct.pack("<IH", at + head + 14, 8) +  # ljmp
                b"\x66\xb8\x10\x00\x8e\xd8\x8e\xc0\x8e\xd0" +  # ds es ss
                b"\xbc" + struct.pack("<I", at) +                # esp
                b"\x0f\x01\x1d" + struct.pack("<I", idtr) +     # lidt
                b"\x40\xeb\xfd" +                               # count
                b"\xcf")                                         # iret
    handler = at + head + len(build(0, 0)) - 1
    gdt = (handler + 8) & ~7
    idt = gdt + 24
    gates = struct.pack("<HHBBH", handler & 0xffff, 8, 0, 0x8e,
                        handler >> 16) * 32
    tables = (struct.pack("<QQQ", 0, 0x00cf9a000000ffff, 0x00cf92000000ffff)
              + gates)
    gdtr = idt + len(gates)
    tables += (struct.pack("<HI", 23, gdt) + b"\0\0" +
               struct.pack("<HI", len(gates) - 1, idt))
    code = build(gdtr, gdtr + 8)
    code += b"\0" * (gdt - at - head - len(code)) + tables
    with open(path, "wb") as f:
        f.write(struct.pack("<8I", magic, flags, -(magic + flags) & 0xffffffff,
                            at, at, 0, 0, at + head) + code)


class Vm:
    alive = []                         # for a test that breaks off

    def __init__(self, args=(), accel="tcg", qmps=1, hmps=1, setup=None,
                 ring=0):
        build = os.environ.get("O", "build")
        self.mote = os.path.abspath(os.path.join(build, "mote"))
        if not os.path.exists(self.mote):
            skip("there is no " + self.mote)
        self.dir = tempfile.mkdtemp(prefix="mote-mon-")
        kernel = os.path.join(self.dir, "spin.bin")
        multiboot_image(kernel)
        if setup:
            setup(self.dir)
        if ring:
            accel = "kvm,dirty-ring-size=%d" % ring
        cmd = [self.mote, "-accel", accel, "-m", "32", "-display", "none",
               "-nodefaults", "-name", "qtest", "-kernel", kernel]
        for i in range(qmps):
            cmd += ["-qmp", "unix:%s,server=on,wait=off" % self.path("q%d" % i)]
        for i in range(hmps):
            cmd += ["-monitor",
                    "unix:%s,server=on,wait=off" % self.path("h%d" % i)]
        self.log = open(self.path("log"), "w+")
        self.proc = subprocess.Popen(cmd + list(args), stderr=self.log,
                                     stdin=subprocess.DEVNULL,
                                     stdout=self.log, cwd=self.dir)
        Vm.alive.append(self)

    def path(self, name):
        return os.path.join(self.dir, name)

    def dial(self, name, timeout=PATIENCE):
        end = time.time() + timeout
        while True:
            s = socket.socket(socket.AF_UNIX)
            try:
                s.connect(self.path(name))
                s.settimeout(timeout)
                return s
            except OSError:
                s.close()
                if time.time() > end or self.proc.poll() is not None:
                    raise RuntimeError("no monitor: " + self.said())
                time.sleep(0.02)

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def end(self):
        Vm.alive.remove(self)
        self.proc.terminate()
        try:
            code = self.proc.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            code = "hung"
        shutil.rmtree(self.dir, ignore_errors=True)
        return code


class Qmp:
    """Objects as they come; ask() keeps events aside."""

    def __init__(self, vm, name="q0", negotiate=True):
        self.sock = vm.dial(name)
        self.buf = b""
        self.events = []
        self.greeting = self.read()
        if negotiate:
            self.ask({"execute": "qmp_capabilities"})

    def read(self):
        while b"\n" not in self.buf:
            chunk = self.sock.recv(1 << 16)
            if not chunk:
                return None
            self.buf += chunk
        line, _, self.buf = self.buf.partition(b"\n")
        return json.loads(line)

    def answer(self):
        while True:
            v = self.read()
            if v is None or "event" not in v:
                return v
            self.events.append(v)

    def ask(self, v):
        text = v if isinstance(v, str) else json.dumps(v)
        self.sock.sendall(text.encode() + b"\n")
        return self.answer()


class Hmp:
    def __init__(self, vm, name="h0"):
        self.sock = vm.dial(name)
        self.until(b"(qemu) ")

    def until(self, end):
        data = b""
        while not data.endswith(end):
            chunk = self.sock.recv(1 << 16)
            if not chunk:
                break
            data += chunk
        return data

    def ask(self, line):
        self.sock.sendall(line.encode() + b"\n")
        return self.until(b"\r\n(qemu) ").decode("utf-8", "replace")


class Tap:
    def __init__(self):
        self.n = 0
        self.failed = 0
        sys.excepthook = self.broke_off

    def broke_off(self, kind, value, trace):
        """A test that ends early says where, and what its VMs say."""
        text = "".join(traceback.format_exception(kind, value, trace))
        for vm in Vm.alive:
            text += "mote's exit status: %s; it said: %s\n" % (
                vm.proc.poll(), vm.said()[-2000:])
            vm.proc.kill()
        self.ok(False, "the test goes on to its end", text)
        print("1..%d" % self.n)

    def ok(self, good, name, detail=""):
        self.n += 1
        print("%s %d - %s" % ("ok" if good else "not ok", self.n, name))
        if not good:
            self.failed += 1
            for line in str(detail).rstrip().split("\n"):
                print("# " + line[:400])
        sys.stdout.flush()

    def done(self):
        print("1..%d" % self.n)
        sys.exit(1 if self.failed else 0)
