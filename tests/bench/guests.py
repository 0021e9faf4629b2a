#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Guest programs side by side: native, mote -accel tcg, qemu -accel tcg.

usage: guests.py MOTE BOOTDIR INITRAMFS GUESTBENCH OUT [workload ...]

One run, one machine, the same kernel, initramfs and program; boots are timed
from exec to the prompt, workloads between the BEGIN and END lines each
guest prints.  Writes OUT: a table with ratios.  Exit 1 when a guest fails or
a checksum differs.
"""
import math
import shutil
import subprocess
import sys
import time

PROMPT = b"guest: ready"
TIMEOUT = 900


class Lines:
    """Lines of a process's output with the time each one arrived."""

    def __init__(self, argv):
        self.start = time.monotonic()
        self.proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE,
                                     stderr=subprocess.DEVNULL, bufsize=0)

    def __iter__(self):
        for raw in iter(self.proc.stdout.readline, b""):
            yield time.monotonic() - self.start, raw.strip()
            if time.monotonic() - self.start > TIMEOUT:
                break

    def end(self):
        self.proc.terminate()
        self.proc.wait()


def run(argv):
    """-> (boot seconds or None, {name: (seconds, checksum)})"""
    boot, began, out = None, {}, {}
    lines = Lines(argv)
    for at, raw in lines:
        words = raw.split()
        if raw.endswith(PROMPT):
            boot = at
        elif len(words) == 2 and words[0] == b"BEGIN":
            began[words[1]] = at
        elif len(words) == 3 and words[0] == b"END":
            name = words[1]
            out[name.decode()] = (at - began[name], words[2].decode())
        elif raw == b"DONE":
            break
    lines.end()
    return boot, out


def guest(program, boot, initramfs, cpus, loads):
    words = "quiet console=ttyS0 bench=" + ",".join(loads)
    return program + ["-accel", "tcg", "-cpu", "max", "-m", "512", "-smp", str(cpus),
                      "-display", "none", "-nodefaults", "-serial", "stdio",
                      "-no-reboot", "-kernel", boot + "/vmlinuz",
                      "-initrd", initramfs, "-append", words]


def geomean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def table(native, mote, qemu, cpus, out):
    rows, bad = [], []
    print(f"\n{cpus} vCPU{'s' if cpus > 1 else ''}\n"
          f"{'workload':<12}{'native s':>10}{'mote s':>10}{'qemu s':>10}"
          f"{'qemu/mote':>11}{'mote/native':>13}", file=out)
    for name, (sec, check) in native.items():
        if name not in mote:
            bad.append(f"{name}: no result from mote")
            continue
        m, mc = mote[name]
        q = qemu.get(name, (None, None))[0]
        if mc != check:
            bad.append(f"{name}: checksum {mc}, native {check}")
        ratio = q / m if q else float("nan")
        rows.append((name, ratio, m / sec))
        print(f"{name:<12}{sec:>10.3f}{m:>10.3f}{q or float('nan'):>10.3f}"
              f"{ratio:>11.2f}{m / sec:>13.2f}", file=out)
    good = [r for _, r, _ in rows if r == r]
    if good:
        print(f"{'geometric mean':<42}{geomean(good):>11.2f}"
              f"{geomean([n for _, _, n in rows]):>13.2f}", file=out)
    return bad


def main():
    mote, boot, initramfs, program, path = sys.argv[1:6]
    loads = sys.argv[6:]
    qemu = shutil.which("qemu-system-x86_64")
    bad = []
    _, native = run([program] + loads)
    with open(path, "w", encoding="ascii") as out:
        for cpus in (1, 2):
            mboot, m = run(guest([mote], boot, initramfs, cpus, loads))
            qboot, q = (run(guest([qemu, "-M", "q35"], boot, initramfs, cpus,
                                  loads)) if qemu else (None, {}))
            if mboot is None:
                bad.append(f"mote with {cpus} vCPUs did not boot")
                continue
            bad += table(native, m, q, cpus, out)
            print(f"boot to prompt: mote {mboot:.2f} s" +
                  (f", qemu {qboot:.2f} s, ratio {qboot / mboot:.2f}"
                   if qboot else ", no qemu-system-x86_64 here"), file=out)
    sys.stdout.write(open(path, encoding="ascii").read())
    for b in bad:
        print("FAILED " + b)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
