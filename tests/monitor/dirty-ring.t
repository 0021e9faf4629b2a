#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""KVM's dirty rings: how fast each vCPU writes, and limits of that."""
import os
import struct
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from vm import PATIENCE, Qmp, Tap, Vm, skip

LIMIT = 8                              # MiB a second


def writer(folder):
    """A guest that writes to each page from 2 to 26 MiB, over and over."""
    magic, flags, at = 0x1badb002, 0x10000, 0x100000
    code = (b"\xbf\x00\x00\x20\x00"            # again: mov $2M, %edi
            b"\x89\x07"                        # page: mov %eax, (%edi)
            b"\x81\xc7\x00\x10\x00\x00"        # add $4096, %edi
            b"\x81\xff\x00\x00\xa0\x01"        # cmp $26M, %edi
            b"\x72\xf0"                        # jb page
            b"\x40\xeb\xe8")                   # inc %eax; jmp again
    with open(os.path.join(folder, "writer"), "wb") as f:
        f.write(struct.pack("<8I", magic, flags,
                            -(magic + flags) & 0xffffffff, at, at, 0, 0,
                            at + 32) + code + b"\0" * 64)


class Client(Qmp):
    def run(self, name, **args):
        return self.ask({"execute": name, "arguments": args})

    def rate(self, seconds=1):
        """MiB a second, by its own measurement: all, and of each vCPU."""
        v = self.run("calc-dirty-rate", **{"calc-time": seconds,
                                           "mode": "dirty-ring"})
        end = time.time() + PATIENCE
        while v == {"return": {}} and time.time() < end:
            time.sleep(0.2)
            got = self.run("query-dirty-rate")["return"]
            if got["status"] == "measured":
                return got["dirty-rate"], [
                    c["dirty-rate"] for c in got["vcpu-dirty-rate"]]
        return None, v


def measured(good, name, detail):
    """A KVM that emulates kernel code (Linux's PVM) writes past the end of
    rings, at times unnoticed; counts are off then."""
    if not good and ("past the end" in vm.said() or emulated()):
        tap.ok(True, name + " # SKIP this KVM overruns its dirty rings")
    else:
        tap.ok(good, name, detail)


def emulated():
    told = c.ask({"execute": "human-monitor-command",
                  "arguments": {"command-line": "info kvm"}})
    return "emulates kernel code" in told["return"]


def limits(c):
    return c.run("query-vcpu-dirty-limit")["return"]


if not os.access("/dev/kvm", os.R_OK | os.W_OK):
    skip("there is no /dev/kvm")
tap = Tap()
vm = Vm(["-smp", "2", "-kernel", "writer"], setup=writer, ring=1024)
try:
    c = Client(vm)
except RuntimeError as e:
    if "has no dirty rings" in str(e):
        skip("this KVM has no dirty rings")
    raise
fast, each = c.rate()
measured(fast is not None and fast > 3 * LIMIT,
       "rings count what a guest writes (%s MB/s)" % fast, each)
measured(each[0] == fast and each[1] == 0, "and which CPU does", each)
v = c.run("calc-dirty-rate", **{"calc-time": 1, "mode": "dirty-bitmap"})
tap.ok(v.get("error", {}).get("desc") == "mode dirty-bitmap is not enabled, "
       "use other method instead.", "the log is not there beside them", v)
tap.ok("error" in c.run("set-vcpu-dirty-limit", **{
    "cpu-index": 2, "dirty-rate": 1}) and limits(c) == [],
    "a CPU that is none has no limit")
v = c.run("set-vcpu-dirty-limit", **{"dirty-rate": LIMIT})
tap.ok(v == {"return": {}}, "a limit is set for all", v)
time.sleep(2)
slow, each = c.rate(3)
measured(slow is not None and 0 < slow <= 2 * LIMIT,
       "%d MB/s are kept: %s, where it wrote %s" % (LIMIT, slow, fast), each)
now = limits(c)
measured([x["cpu-index"] for x in now] == [0, 1] and
       {x["limit-rate"] for x in now} == {LIMIT} and
       now[0]["current-rate"] <= 2 * LIMIT, "and told", now)
tap.ok(c.run("query-status")["return"]["running"] and
       "RIP" in c.ask({"execute": "human-monitor-command", "arguments": {
           "command-line": "info registers"}})["return"].replace("EIP", "RIP"),
       "a CPU that is held back still answers")
c.run("stop")
c.run("cont")
tap.ok(c.run("query-status")["return"]["running"],
       "and can be stopped and go on")
c.run("cancel-vcpu-dirty-limit", **{"cpu-index": 1})
tap.ok([x["cpu-index"] for x in limits(c)] == [0], "one limit is ended")
c.run("cancel-vcpu-dirty-limit")
tap.ok(limits(c) == [], "and the others")
again, each = c.rate()
measured(again is not None and again > 2 * (slow or 0),
       "then it writes as before (%s MB/s)" % again, each)
tap.ok(vm.end() == 0, "the VM ends in peace")

vm = Vm([])
c = Client(vm)
v = c.run("set-vcpu-dirty-limit", **{"dirty-rate": 1})
tap.ok(v.get("error", {}).get("desc") == "dirty page limit feature requires "
       "KVM with accelerator property 'dirty-ring-size' set'",
       "without rings a limit is refused", v)
vm.end()
tap.done()
