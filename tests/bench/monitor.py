#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How long the monitor takes to answer while the guest is busy.

Prints p50, p99 and the longest of N answers to `info status`, over a unix
socket as a client sees them: with the guest stopped, with one vCPU spinning,
and what else there is of read-only commands.  The second table counts how
often each of them made the vCPU leave the guest.

usage: monitor.py [N]
"""
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "monitor"))
from vm import OF_THE_CPU, READ_ONLY, Qmp, Vm


class Line:
    """The human monitor without line editing's echo: through QMP."""

    def __init__(self, vm):
        self.qmp = Qmp(vm)

    def ask(self, line):
        v = self.qmp.ask({"execute": "human-monitor-command",
                          "arguments": {"command-line": line}})
        return v["return"]


def percentile(times, p):
    return times[min(len(times) - 1, int(len(times) * p))]


def measure(mon, line, n):
    times = []
    for _ in range(n):
        start = time.perf_counter()
        mon.ask(line)
        times.append((time.perf_counter() - start) * 1e6)
    times.sort()
    return times


def row(what, times):
    print("| %-34s | %7.0f | %7.0f | %8.0f |" % (
        what, percentile(times, .5), percentile(times, .99), times[-1]))
    sys.stdout.flush()


def stops(mon):
    """How often the vCPU left the guest for somebody."""
    for line in mon.ask("info stats vcpu called_away").splitlines():
        if "called_away" in line:
            return int(line.split(":")[1])
    raise RuntimeError("info stats does not tell how often it was called")


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    print("%d CPUs, load before: %.1f" % (os.cpu_count(), os.getloadavg()[0]))
    vm = Vm(["-smp", "1"])
    mon = Line(vm)
    mon.ask("info status")
    print("\nanswers, microseconds\n\n"
          "| what                               |     p50 |     p99 |"
          "  longest |\n"
          "|------------------------------------|---------|---------|"
          "----------|")
    mon.ask("stop")
    row("info status, guest stopped", measure(mon, "info status", n))
    mon.ask("cont")
    busy = measure(mon, "info status", n)
    row("info status, one vCPU at full load", busy)
    print("\nvCPU stops by 100 read-only commands, guest at full load\n\n"
          "| command                            |   stops |\n"
          "|------------------------------------|---------|")
    for line in READ_ONLY + OF_THE_CPU:
        before = stops(mon)
        for _ in range(100):
            mon.ask(line)
        print("| %-34s | %7d |" % (line, stops(mon) - before))
    print("\nload after: %.1f; goal: p99 below 2000 with a core idle; %s" % (
        os.getloadavg()[0],
        "met" if percentile(busy, .99) < 2000 else "not met here"))
    vm.end()


if __name__ == "__main__":
    main()
