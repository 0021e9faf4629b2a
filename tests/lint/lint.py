#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The rules of STYLE.md that a program can check; `make lint` runs it.

usage: lint.py OBJDIR        (from the top of the tree, objects built there)

Reads docs/rooms.txt (who may include whom) and tests/lint/globals.txt (the
mutable globals there are, each with a reason).  Prints one line per offence,
file:line: what, and exits 1 if there was one.
"""
import os
import re
import subprocess
import sys

MAX_FUNCTION, MAX_FILE = 80, 800
EXIT_ALLOWED = {"vmm/main.c"}
# Threads start in thread.c, where they enter the sandbox; the machine's asks a
# question and is gone before the guest runs.
THREADS_ALLOWED = {"vmm/base/thread.c", "arch/x86/machine.c"}
# Files come from path_open, where the sandbox has its say; these open what no
# client names.
OPEN_ALLOWED = {
    "vmm/base/path.c",
    "preload/preload.c",        # it is open()
    "vmm/main.c",                   # the pid file, /dev/null
    "vmm/kvm/kernel_provider.c",    # /dev/kvm
    "vmm/net/net_tap.c",            # /dev/net/tun, /dev/vhost-net
    "virtio/vhost_vsock.c",         # /dev/vhost-vsock
    "vmm/core/chardev_stdio.c",     # the terminal mote was started on
    "vmm/core/chardev_pty.c",       # the terminal it just made
    "vmm/block/blk_overlay.c",      # a file without a name
    "vmm/jail.c",                   # its own descriptors, /dev/null
    "arch/x86/boot_file.c",         # the command line's kernel
    "monitor/cmd_mem.c",            # /proc/self/pagemap
    "seccomp/gen/gen.c",
}

offences = []


def offend(path, line, what):
    offences.append(f"{path}:{line}: {what}")


def tree():
    """Every tracked file, or every file where there is no git."""
    got = subprocess.run(["git", "ls-files"], capture_output=True, text=True)
    if got.returncode == 0:
        return [f for f in got.stdout.split("\n") if os.path.isfile(f)]
    return [os.path.join(d, f)[2:] for d, _, fs in os.walk(".") for f in fs]


def read(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def strip(text):
    """Blank out comments and literals, keeping line numbers."""
    keep_lines = lambda m: re.sub(r"[^\n]", " ", m.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'
                  r"'(?:\\.|[^'\\\n])*'", keep_lines, text, flags=re.S)


def ladder():
    rooms = {}
    for n, line in enumerate(read("docs/rooms.txt").split("\n"), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        room, _, may = line.partition(":")
        rooms[room.strip()] = may.split()
    return rooms


def check_includes(path, text, rooms):
    room = os.path.dirname(path)
    if room not in rooms:
        offend(path, 1, f"room {room} is not in docs/rooms.txt")
        return
    for n, line in enumerate(text.split("\n"), 1):
        m = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if not m:
            continue
        target = os.path.dirname(m.group(1))
        if not target:
            offend(path, n, f'"{m.group(1)}": paths start at the root')
        elif target != room and target not in rooms[room] and \
                m.group(1) not in rooms[room]:
            offend(path, n, f"{room} may not include {m.group(1)}")


def check_opening(path, text):
    lines = [l for l in text.split("\n") if l.strip()]
    if path.endswith((".sh", ".py", ".mk", ".txt", ".cfg", ".ld")) or \
            path == "Makefile":
        ok = bool(lines) and lines[0].startswith(("#", "/*"))
    else:
        ok = bool(lines) and lines[0].startswith(("/*", "#", "//"))
    if not ok:
        offend(path, 1, "does not open with a comment that says what it is")
    if path.endswith((".c", ".h")) and lines and "SPDX" not in lines[0]:
        offend(path, 1, "first line is not the SPDX line")


def check_text(path, text):
    n = text.count("\n")
    if path.endswith((".c", ".h")) and n > MAX_FILE:
        offend(path, n, f"{n} lines, the limit is {MAX_FILE}")
    for n, line in enumerate(text.split("\n"), 1):
        if re.search(r"\b(TODO|FIXME|XXX)\b(?!\s*\(?#\d+)", line):
            offend(path, n, "TODO without an issue number, TODO(#12)")


def check_exit(path, text):
    if path in EXIT_ALLOWED:
        return
    for n, line in enumerate(strip(text).split("\n"), 1):
        if re.search(r"(?<![\w.>])(_exit|_Exit|exit|quick_exit)\s*\(", line):
            offend(path, n, "exit() below main.c")


def check_threads(path, text):
    if path in THREADS_ALLOWED:
        return
    for n, line in enumerate(strip(text).split("\n"), 1):
        if re.search(r"\bpthread_create\s*\(", line):
            offend(path, n, "pthread_create(): threads start by thread_start")


def check_open(path, text):
    if path in OPEN_ALLOWED or path.startswith("slirp/"):
        return
    for n, line in enumerate(strip(text).split("\n"), 1):
        if re.search(r"(?<![\w.>*])(open|openat|creat|fopen|opendir)\s*\(", line):
            offend(path, n, "open(): names are opened by path_open "
                   "(vmm/base/path.h)")


def check_functions(files):
    got = subprocess.run(
        ["ctags", "-x", "--languages=C", "--langmap=C:.c.h", "--kinds-C=f",
         "--_xformat=%F\t%n\t%e\t%N", "-L", "-"],
        input="\n".join(files), capture_output=True, text=True, check=True)
    for row in got.stdout.split("\n"):
        if not row:
            continue
        path, first, last, name = row.split("\t")
        if not last.isdigit():
            continue
        length = int(last) - int(first) + 1
        if length <= MAX_FUNCTION:
            continue
        above = read(path).split("\n")[max(0, int(first) - 8):int(first) - 1]
        above = "\n".join(above).rstrip()
        if not (above.endswith("*/") or "*/" in above.split("\n")[-1]
                or re.search(r"\*/\s*\n[^\n;{}]*$", above)) or \
                "long:" not in above[above.rfind("/*"):]:
            offend(path, first, f"{name} has {length} lines, the limit is "
                   f"{MAX_FUNCTION}; else say /* long: why */ above it")


def allowed_globals():
    allowed = {}
    path = "tests/lint/globals.txt"
    for n, line in enumerate(read(path).split("\n"), 1):
        line = line.split("#")[0].split(None, 2)
        if line and len(line) < 3:
            offend(path, n, "expected: FILE SYMBOL REASON")
        elif line:
            allowed[(line[0], line[1])] = n
    return allowed


def mutable(section):
    return section.startswith((".bss", ".data", ".tbss", ".tdata", "*COM*")) \
        and not section.startswith(".data.rel.ro")


def check_globals(objdir, sources):
    allowed = allowed_globals()
    seen = set()
    for src in sources:
        obj = os.path.join(objdir, src[:-2] + ".o")
        if not os.path.exists(obj):
            continue
        got = subprocess.run(["nm", "--format=sysv", obj], check=True,
                             capture_output=True, text=True)
        for line in got.stdout.split("\n"):
            cols = [c.strip() for c in line.split("|")]
            if len(cols) != 7 or cols[3] not in ("OBJECT", "TLS") or \
                    not mutable(cols[6]):
                continue
            name = re.sub(r"\.\d+$", "", cols[0])
            seen.add((src, name))
            if (src, name) not in allowed:
                offend(src, 1, f"mutable global {name}: give it an owner, or "
                       "a reason in tests/lint/globals.txt")
    for key, n in allowed.items():
        built = os.path.join(objdir, key[0][:-2] + ".o")
        if key not in seen and (os.path.exists(built) or
                                not os.path.exists(key[0])):
            offend("tests/lint/globals.txt", n, f"{key[1]} is gone")


def main():
    files = [f for f in tree() if not f.startswith(("build", "."))]
    rooms = ladder()
    sources = [f for f in files if f.endswith((".c", ".h"))]
    product = [f for f in sources if not f.startswith("tests/")]
    for f in files:
        if f.endswith((".c", ".h", ".S", ".def", ".sh", ".py", ".mk")):
            text = read(f)
            check_opening(f, text)
            if f != "tests/lint/lint.py":
                check_text(f, text)
            if f in product:
                check_includes(f, text, rooms)
                check_exit(f, text)
                check_threads(f, text)
                check_open(f, text)
    check_functions(sources)
    check_globals(sys.argv[1], [f for f in product if f.endswith(".c")])
    for o in sorted(offences):
        print(o)
    print(f"lint: {len(files)} files, {len(offences)} offences")
    return bool(offences)


if __name__ == "__main__":
    sys.exit(main())
