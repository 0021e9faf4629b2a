#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Guest programs side by side: native, mote -accel tcg, qemu -accel tcg.

usage: guests.py MOTE BOOTDIR INITRAMFS GUESTBENCH OUT [workload ...]

One run, one machine, the same kernel, initramfs and program; boots are timed
from exec to the prompt, workloads between the BEGIN and END lines each
guest prints.  Two clocks: wall time, and CPU time of the whole process, which
other load on the machine disturbs less.  A workload that takes longer than
LIMIT seconds is given up, and the rest go on in a new guest.

Writes OUT: a table with ratios.  Exit 1 when a guest does not boot, a workload
has no result from mote, or a checksum differs.  CPUS="1 2" chooses the tables.
"""
import math
import os
import selectors
import shutil
import subprocess
import sys
import time

PROMPT = b"guest: ready"
LIMIT = float(os.environ.get("LIMIT", "300"))
TICK = os.sysconf("SC_CLK_TCK")
NAN = float("nan")


def cpu_seconds(pid):
    """User and system time of a process and the children it waited for."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            fields = f.read().rpartition(")")[2].split()
    except OSError:
        return NAN
    return sum(map(int, fields[11:15])) / TICK


class Machine:
    """A process whose lines come with the time and CPU time they took."""

    def __init__(self, argv):
        self.start = time.monotonic()
        self.proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE,
                                     stderr=subprocess.DEVNULL, bufsize=0)
        self.poll = selectors.DefaultSelector()
        self.poll.register(self.proc.stdout, selectors.EVENT_READ)
        self.rest = b""

    def line(self, deadline):
        """The next line and both clocks; None at the end or too late."""
        while b"\n" not in self.rest:
            left = deadline - time.monotonic()
            if left <= 0 or not self.poll.select(left):
                return None
            more = os.read(self.proc.stdout.fileno(), 65536)
            if not more:
                return None
            self.rest += more
        raw, _, self.rest = self.rest.partition(b"\n")
        return (raw.strip(), time.monotonic() - self.start,
                cpu_seconds(self.proc.pid))

    def end(self):
        self.proc.terminate()
        try:
            self.proc.wait(20)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()


def run_once(argv, loads):
    """-> (boot or None, {name: (wall, cpu, checksum)}, names begun)"""
    boot, began, out = None, {}, {}
    vm = Machine(argv(loads))
    while True:
        got = vm.line(time.monotonic() + LIMIT)
        if got is None:
            break
        raw, wall, cpu = got
        words = raw.decode("ascii", "replace").split()
        if raw.endswith(PROMPT):
            boot = (wall, cpu)
        elif len(words) == 2 and words[0] == "BEGIN":
            began[words[1]] = (wall, cpu)
        elif len(words) == 3 and words[0] == "END" and words[1] in began:
            w, c = began[words[1]]
            out[words[1]] = (wall - w, cpu - c, words[2])
            print(f"{os.path.basename(vm.proc.args[0])}: {words[1]} "
                  f"{wall - w:.2f} s, cpu {cpu - c:.2f} s", file=sys.stderr)
        elif words == ["DONE"]:
            break
    vm.end()
    return boot, out, began


def run(argv, loads):
    """All workloads, in as many guests as it takes."""
    boot, out = None, {}
    left = list(loads)
    while left:
        first, some, begun = run_once(argv, left)
        boot = boot or first
        out.update(some)
        todo = [n for n in left if n not in begun]
        if len(todo) == len(left):
            break                       # it never came so far
        left = todo
    return boot, out


def guest(program, boot, initramfs, cpus):
    def argv(loads):
        words = "quiet panic=-1 console=ttyS0 bench=" + ",".join(loads)
        return program + ["-accel", "tcg", "-cpu", "max",
                          "-m", "512", "-smp", str(cpus),
                          "-display", "none", "-nodefaults",
                          "-serial", "stdio", "-no-reboot",
                          "-kernel", boot + "/vmlinuz",
                          "-initrd", initramfs, "-append", words]
    return argv


def geomean(values):
    good = [v for v in values if v == v and v > 0]
    return math.exp(sum(map(math.log, good)) / len(good)) if good else NAN


def ratio(a, b):
    return a / b if b else NAN


def row(name, n, m, q):
    """One line of the table, and its three ratios."""
    r = (ratio(q[0], m[0]), ratio(q[1], m[1]), ratio(m[1], n[1]))
    return (f"{name:<12}{n[1]:>9.2f}{m[0]:>9.2f}{q[0]:>9.2f}"
            f"{m[1]:>9.2f}{q[1]:>9.2f}"
            f"{r[0]:>9.2f}{r[1]:>9.2f}{r[2]:>9.2f}"), r


HEAD = (f"{'':<12}{'native':>9}{'mote':>9}{'qemu':>9}{'mote':>9}{'qemu':>9}"
        f"{'qemu/':>9}{'qemu/':>9}{'mote/':>9}\n"
        f"{'workload':<12}{'cpu s':>9}{'wall s':>9}{'wall s':>9}{'cpu s':>9}"
        f"{'cpu s':>9}{'mote':>9}{'mote,cpu':>9}{'nat.,cpu':>9}")


def table(native, mote, qemu, cpus, out):
    """-> what is wrong.  mote and qemu: (boot, {name: ...})"""
    none = (NAN, NAN, "")
    ratios, bad = [], []
    print(f"\n{cpus} vCPU{'s' if cpus > 1 else ''}\n{HEAD}", file=out)
    text, _ = row("boot", none, mote[0], qemu[0] or none)
    print(text, file=out)
    for name, n in native.items():
        m, q = mote[1].get(name, none), qemu[1].get(name, none)
        text, r = row(name, n, m, q)
        print(text, file=out)
        ratios.append(r)
        if m is none:
            bad.append(f"{name} on {cpus}: no result within {LIMIT:.0f} s")
        elif m[2] != n[2]:
            bad.append(f"{name} on {cpus}: checksum {m[2]}, native {n[2]}")
    means = [geomean([r[k] for r in ratios]) for k in range(3)]
    print(f"{'geometric mean':<57}" + "".join(f"{v:>9.2f}" for v in means),
          file=out)
    return bad


def main():
    mote, boot, initramfs, program, path = sys.argv[1:6]
    loads = sys.argv[6:]
    qemu = shutil.which("qemu-system-x86_64")
    bad = []
    _, native, _ = run_once(lambda names: [program] + names, loads)
    loads = list(native)
    with open(path, "w", encoding="ascii") as out:
        for cpus in map(int, os.environ.get("CPUS", "1 2").split()):
            m = run(guest([mote], boot, initramfs, cpus), loads)
            q = (run(guest([qemu, "-M", "q35"], boot, initramfs, cpus), loads)
                 if qemu else (None, {}))
            if m[0] is None:
                bad.append(f"mote with {cpus} vCPUs did not boot")
                continue
            bad += table(native, m, q, cpus, out)
            out.flush()
        if not qemu:
            print("no qemu-system-x86_64 here: its columns are empty", file=out)
    with open(path, encoding="ascii") as out:
        sys.stdout.write(out.read())
    for b in bad:
        print("FAILED " + b)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
