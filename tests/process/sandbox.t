#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the sandbox lets monitor clients open, from a client's side.

TAP; `O` is the build folder.
"""
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from vm import O, Tap, Vm  # noqa: E402

tap = Tap()
top = tempfile.mkdtemp(prefix="mote-sandbox-")


def at(name):
    return os.path.join(top, name)


def commands(folder, n=""):
    """One of every kind of command that opens a path it was given."""
    return [
        f"chardev-add file,id=a{n},path={folder}/chr",
        f"chardev-add null,id=b{n},logfile={folder}/chrlog",
        f"chardev-add pipe,id=c{n},path={folder}/fifo",
        f"chardev-add socket,id=d{n},path={folder}/sock,server=on,wait=off",
        f'memsave 0x100000 16 "{folder}/mem"',
        f'pmemsave 0 16 "{folder}/pmem"',
        f'logfile "{folder}/log"',
        f"drive_add 0 file={folder}/disk,format=raw,if=none,id=e{n}",
    ]


def name_of(command):
    words = command.split(",")[0].split()
    return " ".join(words[:2]) if words[0] == "chardev-add" else words[0]


def prepare(folder):
    os.makedirs(folder)
    os.mkfifo(f"{folder}/fifo")
    with open(f"{folder}/disk", "wb") as f:
        f.truncate(1 << 20)


def inside_and_outside():
    prepare(at("in"))
    prepare(at("out"))
    os.symlink("../out", at("in/link"))
    with Vm(["-sandbox", f"on,paths={at('in')}", "-S"]) as vm:
        for c in commands(at("in")):
            answer = vm.hmp(c)
            tap.check("-sandbox" not in answer and "rror" not in answer,
                      f"{name_of(c)}: beneath the folder", answer)
        # The same again: nothing of it exists outside afterwards.
        for n, where in enumerate(("out", "in/../out", "in/link")):
            before = sorted(os.listdir(at("out")))
            for c in commands(at(where), n):
                answer = vm.hmp(c)
                tap.check("-sandbox paths=" in answer and top in answer and
                          answer.strip().count("\n") <= 1,
                          f"{name_of(c)}: not through {where}", answer)
            tap.check(sorted(os.listdir(at("out"))) == before,
                      f"nothing was made through {where}")


def kernel_files():
    with Vm(["-S"]) as vm:
        for path in ("/proc/self/mem", "/proc/self/fd/1", "/dev/fd/1",
                     "/proc/sys/kernel/domainname"):
            answer = vm.hmp(f'pmemsave 0 16 "{path}"')
            tap.check("kernel's own" in answer and path in answer,
                      f"without paths=, {path} is refused", answer)
        answer = vm.hmp(f'pmemsave 0 16 "{at("any")}"')
        tap.check(os.path.getsize(at("any")) == 16,
                  "and any other path is not", answer)


def programs():
    if not os.path.exists(os.path.join(O, "mote-slirp")):
        tap.skip("programs at run time", "there is no mote-slirp")
        return
    with Vm(["-S"]) as vm:
        answer = vm.hmp("netdev_add user,id=n")
        tap.check("spawn=allow" in answer,
                  "a closed sandbox starts no helper, and says what would",
                  answer)
    with Vm(["-S", "-sandbox", "on,spawn=allow"]) as vm:
        answer = vm.hmp("netdev_add user,id=n")
        shown = vm.hmp("info network")
        tap.check(answer == "" and "n:" in shown,
                  "spawn=allow: the broker starts it", answer + shown)
        answer = vm.hmp("netdev_add user,id=m,guestfwd=tcp:10.0.2.100:1-cmd:id")
        tap.check("command line did not name" in answer,
                  "but no other program", answer)


def scripts():
    if os.geteuid() or not os.path.exists("/dev/net/tun"):
        tap.skip("a tap's scripts", "needs root and /dev/net/tun")
        return
    for name in ("up", "down"):
        with open(at(name), "w", encoding="ascii") as f:
            f.write(f"#!/bin/sh\necho {name} $1 >>{at('ran')}\n")
        os.chmod(at(name), 0o755)
    with Vm(["-S", "-netdev", f"tap,id=t,script={at('up')},"
             f"downscript={at('down')}"]) as vm:
        vm.end()
    with open(at("ran"), encoding="ascii") as f:
        words = f.read().split()
    tap.check(words[::2] == ["up", "down"] and words[1] == words[3],
              "a tap's scripts run at the start and at the end", words)


def wrong_use():
    for arg, words in (
            ("on,paths=/nowhere", "'/nowhere'"),
            ("off,paths=/tmp", "paths= needs the sandbox"),
            ("on,spawn=maybe", "spawn=maybe"),
            ("on,obsolete=allow", "obsolete=allow"),
            ("maybe", "'maybe'"), ("on,colour=red", "colour")):
        status, said = Vm.refused(["-sandbox", arg])
        tap.check(status == 1 and words in said and said.count("\n") == 1,
                  f"-sandbox {arg} is one sentence", said)
    with Vm(["-S", "-sandbox", "on,obsolete=deny,elevateprivileges=deny,"
             "spawn=deny,resourcecontrol=deny"]) as vm:
        tap.check("prelaunch" in vm.hmp("info status"),
                  "libvirt's -sandbox words are understood")


try:
    inside_and_outside()
    kernel_files()
    programs()
    scripts()
    wrong_use()
finally:
    shutil.rmtree(top)
tap.done()
