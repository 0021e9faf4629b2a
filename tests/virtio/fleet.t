#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""TAP: docs/examples/fleet starts a hundred microVMs from one template.

FLEET_N: how many.  FLEET_KERNEL=debian: Debian's kernel to a shell in each,
instead of a guest that says one byte.
"""
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guest import ACCEL, BOOT, O, plan, result, until

N = int(os.environ.get("FLEET_N", "100"))
DEBIAN = os.environ.get("FLEET_KERNEL") == "debian"
FLEET = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                     "../../docs/examples/fleet")
ENV = dict(os.environ, MOTE=O + "/mote")
if DEBIAN:
    KERNEL = ["-m", "96", "-kernel", BOOT + "/vmlinuz", "-initrd",
              BOOT + "/virtio.gz", "-append",
              "console=ttyS0 quiet mote.test=shell"]
    WORDS = "guest: ready"
else:
    KERNEL = ["-m", "16", "-kernel", O + "/tests/bench/startup_guest.elf"]
    WORDS = "!"
DEVICES = ["-device", "virtio-rng", "-device", "virtio-balloon-device",
           "-device", "virtio-vsock-device,guest-cid=@CID@,uds_path=@DIR@/v"]


def fleet(*args, limit=1800):
    return subprocess.run([FLEET, *args], env=ENV, capture_output=True,
                          text=True, timeout=limit)


def ask(path, command):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(30)
    s.connect(path)
    f = s.makefile("rw")
    f.readline()
    for c in ("qmp_capabilities", command):
        f.write(json.dumps({"execute": c}) + "\n")
        f.flush()
        answer = json.loads(f.readline())
    return answer.get("return")


def pids(run):
    out = []
    for n in range(1, N + 1):
        with open(f"{run}/{n}/pid") as f:
            out.append(int(f.read()))
    return out


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().split(") ")[1][0] != "Z"
    except OSError:
        return False


def rollup(pid, name):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        for line in f:
            if line.startswith(name + ":"):
                return int(line.split()[1])
    return 0


def named(folder):
    """The machines whose files are in this folder."""
    out = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline") as f:
                line = f.read()
        except OSError:
            continue
        if folder + "/" in line and "-pidfile" in line:
            out.append(pid)
    return out


def none_stay(folder):
    p = fleet("-n", "2", "-j", "2", "-r", folder, "-w", "never said", "-t",
              "3", "--", "-M", "microvm", "-accel", ACCEL, *KERNEL)
    result(p.returncode != 0 and "machine 1 is not up" in p.stderr and
           os.path.exists(folder + "/2/console"),
           "two start, and do not say that they are up", p.stderr)
    result(until(60, lambda: not named(folder)),
           "they do not outlive the launcher", named(folder))


with tempfile.TemporaryDirectory() as run:
    start = time.time()
    p = fleet("-n", str(N), "-r", run, "-w", WORDS, "-t", "1500", "--",
              "-M", "microvm", "-accel", ACCEL, *KERNEL, *DEVICES)
    took = time.time() - start
    up = result(p.returncode == 0 and f"{N} machines are up" in p.stdout,
                f"{N} microVMs from one template", p.stdout + p.stderr)
    if up:
        all_pids = pids(run)
        print(f"# {took:.1f} s, {took / N * 1000:.0f} ms each; "
              f"{sum(rollup(i, 'Pss') for i in all_pids) / 1024 / N:.1f} MiB "
              f"resident each, shared pages by share, guest RAM included")
        result(all(alive(i) for i in all_pids), "all of them run")
        names = [ask(f"{run}/{n}/qmp", "query-name") for n in (1, N)]
        result(names == [{"name": "fleet-1"}, {"name": f"fleet-{N}"}],
               "each answers on its own socket", names)
        result(all(os.path.exists(f"{run}/{n}/v") for n in (1, N)),
               "and has its own vsock")
        p = fleet("-n", "1", "-r", run, "--", "-M", "microvm")
        result(p.returncode != 0 and "machine 1 runs already" in p.stderr,
               "a machine that runs is not started again", p.stderr)
        fleet("-r", run, "-k")
        end = time.time() + 60
        while any(alive(i) for i in all_pids) and time.time() < end:
            time.sleep(0.2)
        result(not any(alive(i) for i in all_pids), "fleet -k ends them")
    else:
        fleet("-r", run, "-k")
    p = fleet("-n", "2", "-r", run + "/bad", "-w", "x", "-t", "20", "--",
              "-M", "microvm,colour=red")
    result(p.returncode != 0 and "machine 1 is not up" in p.stderr,
           "one that does not come up is named", p.stderr)
    none_stay(run + "/late")
plan()
