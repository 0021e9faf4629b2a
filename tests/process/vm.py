# SPDX-License-Identifier: MIT
"""A mote process and a QMP client of it, for the tests beside this file."""
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time

O = os.environ.get("O", "build")
MOTE = os.path.abspath(os.path.join(O, "mote"))
GUEST = os.path.abspath(os.path.join(O, "tests/process/guest.elf"))
ACCEL = "kvm" if os.access("/dev/kvm", os.R_OK | os.W_OK) else "tcg"
PATIENCE = 60


class Tap:
    def __init__(self):
        self.n = 0

    def check(self, ok, name, detail=""):
        self.n += 1
        print(f"{'ok' if ok else 'not ok'} {self.n} - {name}", flush=True)
        if not ok:
            for line in str(detail).strip().split("\n"):
                print(f"# {line}", flush=True)

    def skip(self, name, why):
        self.n += 1
        print(f"ok {self.n} - {name} # SKIP {why}", flush=True)

    def done(self):
        print(f"1..{self.n}")


class Vm:
    """with Vm([options]) as vm: vm.hmp("info status")"""

    def __init__(self, options, append="h"):
        self.dir = tempfile.mkdtemp(prefix="mote-vm-")
        self.path = os.path.join(self.dir, "qmp")
        self.process = subprocess.Popen(
            self.command(options, append) +
            ["-qmp", f"unix:{self.path},server=on,wait=off"],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.sock = None

    @staticmethod
    def command(options, append="h"):
        return [MOTE, "-accel", ACCEL, "-nodefaults", "-display", "none",
                "-kernel", GUEST, "-append", append] + options

    @staticmethod
    def refused(options):
        """A start that must fail: exit status and what it said."""
        got = subprocess.run(Vm.command(options), stdin=subprocess.DEVNULL,
                             capture_output=True, text=True,
                             timeout=PATIENCE)
        return got.returncode, got.stderr

    def __enter__(self):
        end = time.time() + PATIENCE
        self.sock = socket.socket(socket.AF_UNIX)
        while self.sock.connect_ex(self.path):
            if self.process.poll() is not None or time.time() > end:
                raise RuntimeError("no QMP: " + self.process.stderr.read())
            time.sleep(0.02)
        self.sock.settimeout(PATIENCE)
        self.lines = self.sock.makefile("r")
        self.lines.readline()
        self.qmp("qmp_capabilities")
        return self

    def qmp(self, execute, **arguments):
        self.sock.sendall(json.dumps(
            {"execute": execute, "arguments": arguments}).encode() + b"\n")
        while True:
            line = self.lines.readline()
            if not line:
                raise RuntimeError("QMP ended: " + self.process.stderr.read())
            answer = json.loads(line)
            if "event" not in answer:
                return answer

    def hmp(self, line):
        answer = self.qmp("human-monitor-command", **{"command-line": line})
        return answer.get("return", str(answer))

    def end(self):
        """Ask it to end; the exit status."""
        try:
            self.qmp("quit")
        except (RuntimeError, OSError):
            pass
        return self.process.wait(PATIENCE)

    def __exit__(self, *what):
        if self.process.poll() is None:
            self.end()
        self.sock.close()
        self.process.stderr.close()
        shutil.rmtree(self.dir)
