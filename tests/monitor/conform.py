#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Replay recorded sessions of a real QEMU monitor against mote.

Usage: conform.py [--mote PATH] [--accel NAME] [--tap] [--show N] [GROUP...]

Reads all.jsonl of ../shared/hmp/transcripts (or $MOTE_SHARED/hmp/...), starts
mote with the nearest machine for each recorded one, types the same lines and
sorts each answer into: same / same but for values / differs / not supported
yet.  A difference is fine when reasons.txt beside this file says why.  With
--tap, one test per command: it fails on a difference nobody explained.
"""
import argparse
import collections
import json
import os
import re
import select
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PROMPT = b"(qemu) "
DEFAULT_GROUPS = ["01-parser", "02-expressions", "03-help", "04-registers",
                  "05-paging", "06-memdump", "07-disas", "13-chardev",
                  "22-runctl", "43-misc"]
KEPT_OPTIONS = {"-name": 1, "-uuid": 1, "-S": 0, "-no-shutdown": 0,
                "-no-reboot": 0, "-action": 1, "-D": 1, "-serial": 1}
SAME, VALUES, DIFFERS, NOT_YET = ("same", "values", "differs", "not yet")


def skip(why):
    print("1..0 # SKIP " + why)
    sys.exit(0)


class Reasons:
    """reasons.txt: GROUP/MACHINE-regex <TAB> COMMAND-regex <TAB> why."""

    def __init__(self, path):
        self.rows = []
        for line in open(path):
            line = line.rstrip("\n")
            if not line or line.startswith("#"):
                continue
            group, command, why = re.split(r"\t+", line, maxsplit=2)
            self.rows.append((re.compile(group), re.compile(command), why))

    def find(self, group, command):
        for g, c, why in self.rows:
            if g.fullmatch(group) and c.fullmatch(command.strip()):
                return why
        return None


def build_guests(shared, work):
    """The small kernels the recorded sessions ran; False without -m32."""
    src = os.path.join(shared, "hmp", "guest")
    for mode in range(7):
        obj = os.path.join(work, "k.o")
        elf = os.path.join(work, "guest%d.elf" % mode)
        cc = shlex.split(os.environ.get("CC", "gcc")) + [
            "-m32", "-c", "-DMODE=%d" % mode, "-o", obj,
            os.path.join(src, "k.S")]
        ld = ["ld", "-m", "elf_i386", "-T", os.path.join(src, "k.ld"),
              "-o", elf, obj]
        for cmd in (cc, ld):
            if subprocess.run(cmd, stderr=subprocess.DEVNULL).returncode:
                return False
    return True


# What of a recorded command line mote has: kinds, drivers, and for a card or
# disk controller mote has none of, the nearest one it has.
CHARDEVS = r"(null|ringbuf|memory|file|socket|pty)\b"
NETDEVS = r"(user|stream|dgram)\b"
DRIVERS = {"i6300esb": None, "pvpanic": None, "virtio-blk-pci": None,
           "virtio-net-pci": None, "virtio-rng-pci": None,
           "virtio-balloon-pci": None, "virtio-serial-pci": None,
           "e1000": "virtio-net-pci", "e1000e": "virtio-net-pci"}
KEPT_PROPERTIES = {"id", "drive", "netdev", "mac"}
DISK_BYTES = 64 << 20
WITH_DESCRIPTOR = {"getfd myfd", "getfd 9bad"}  # so says the record's notes


def parse_list(text):
    head, _, rest = text.partition(",")
    return head, [p.partition("=")[::2] for p in rest.split(",") if p]


def mote_device(text, backends):
    driver, props = parse_list(text)
    if driver not in DRIVERS:
        return []
    kept = [(k, v) for k, v in props if k in KEPT_PROPERTIES]
    for k, v in kept:
        if k in ("drive", "netdev") and v not in backends:
            return []
    words = [DRIVERS[driver] or driver] + ["%s=%s" % p for p in kept]
    return ["-device", ",".join(words)]


def mote_drive(text, backends, cwd):
    """A raw image of the same name; which controller it hung on is lost."""
    props = dict(p.partition("=")[::2] for p in text.split(","))
    name = props.get("file", "")
    if not re.fullmatch(r"[\w.-]+", name) or "id" not in props:
        return []
    with open(os.path.join(cwd, name), "ab") as f:
        f.truncate(DISK_BYTES)
    backends.add(props["id"])
    words = ["file=" + name, "format=raw", "if=none"]
    words += ["%s=%s" % (k, props[k]) for k in ("id", "node-name")
              if k in props]
    if props.get("media") == "cdrom":
        words.append("readonly=on")
    return ["-drive", ",".join(words)]


def mote_smp(text):
    """Without room for more CPUs."""
    return re.sub(r",.*", "", text) if "maxcpus" in text else text


def mote_args(cmdline, accel, cwd, all_of_it):
    """The nearest machine to a recorded QEMU command line."""
    words = shlex.split(cmdline)[1:]
    out = ["-display", "none", "-nodefaults"]
    kernel = "guest0.elf"
    backends = set()
    for w, arg in zip(words, words[1:] + [""]):
        if w == "-kernel":
            kernel = arg
        elif w == "-m":
            out += [w, arg.partition(",")[0]]
        elif w == "-smp":
            out += [w, mote_smp(arg)]
        elif w == "-accel" and arg.startswith("kvm"):
            if os.path.exists("/dev/kvm"):
                ring = re.search(r",dirty-ring-size=\d+", arg)
                accel = "kvm" + (ring.group() if ring else "")
        elif w == "-chardev" and "id=chrtpm," in arg:
            continue                   # its other end was a TPM
        elif w == "-chardev" and re.match(CHARDEVS, arg):
            out += [w, arg]
        elif w in KEPT_OPTIONS:
            out += [w, arg][:1 + KEPT_OPTIONS[w]]
        elif not all_of_it:
            continue
        elif w == "--preconfig" or w == "-snapshot":
            out.append(w)
        elif w == "-M" and arg in ("q35", "microvm"):
            out += [w, arg]
        elif w == "-icount" and re.fullmatch(r"shift=\d+", arg):
            out += [w, arg]
        elif w == "-netdev" and re.match(NETDEVS, arg):
            out += [w, arg]
            backends.add(dict(parse_list(arg)[1]).get("id"))
            if "spawn" not in " ".join(out):
                out += ["-sandbox", "on,spawn=allow"]
        elif w == "-object" and re.match(r"(iothread|rng-random)\b", arg):
            out += [w, arg]
        elif w == "-drive":
            out += mote_drive(arg, backends, cwd)
        elif w == "-device":
            out += mote_device(arg, backends)
    return ["-accel", accel] + out + ["-kernel", kernel]


class Machine:
    def __init__(self, mote, args, cwd):
        self.path = os.path.join(cwd, "mon.sock")
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.log = open(os.path.join(cwd, "mote.log"), "w+")
        self.proc = subprocess.Popen(
            [mote] + args + ["-monitor", "unix:mon.sock,server=on,wait=off"],
            cwd=cwd, stdin=subprocess.DEVNULL, stdout=self.log,
            stderr=self.log)
        self.sock = None

    def connect(self):
        end = time.time() + 60
        while time.time() < end and self.proc.poll() is None:
            try:
                self.sock = socket.socket(socket.AF_UNIX)
                self.sock.connect(self.path)
                self.sock.settimeout(120)
                self.read_prompt()
                return True
            except OSError:
                time.sleep(0.02)
        return False

    def quiet(self):
        """Nothing comes for a moment: that was the prompt, not output."""
        return not select.select([self.sock], [], [], 0.3)[0]

    def read_prompt(self):
        data = b""
        while not (data == PROMPT or data.endswith(b"\n" + PROMPT) or
                   data.endswith(b"Password: ") or
                   (data.endswith(PROMPT) and self.quiet())):
            chunk = self.sock.recv(1 << 16)
            if not chunk:
                return data, True
            data += chunk
        return data, False

    def ask(self, line):
        """The answer, LF ended, without echo and prompt; and EOF."""
        data = line.encode("utf-8", "surrogateescape") + b"\n"
        if line in WITH_DESCRIPTOR:
            with open("/dev/null") as f:
                socket.send_fds(self.sock, [data], [f.fileno()])
        else:
            self.sock.sendall(data)
        data, eof = self.read_prompt()
        echo, _, rest = data.partition(b"\r\n")
        if rest.endswith(PROMPT):
            rest = rest[:-len(PROMPT)]
        text = rest.decode("utf-8", "replace").replace("\r\n", "\n")
        return text + "<EOF>" if eof else text, eof

    def settle(self):
        """A recorded guest ran to its final halt before it was stopped."""
        for _ in range(40):
            text, eof = self.ask("info registers")
            if eof or "HLT=1" in text:
                return
            time.sleep(0.05)

    def close(self):
        if self.sock:
            self.sock.close()
        if self.proc.poll() is None:
            self.proc.terminate()
            try:
                self.proc.wait(5)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait()
        self.log.seek(0)
        text = self.log.read()
        self.log.close()
        return text


def shape(text):
    """The answer with every number made N: what is left is layout."""
    text = re.sub(r"0x[0-9a-fA-F]+", "N", text)
    text = re.sub(r"\b[0-9a-f]{4,16}\b", "N", text)
    text = re.sub(r"\[[-DOSZAPC]{7}\]", "F", text)
    text = re.sub(r"\[[-CREWA]{3}\]", "T", text)
    return re.sub(r"\d+", "N", text)


def help_names(text):
    """What help lists; parameters and sentences are each program's own."""
    names = []
    for line in text.split("\n"):
        if line[:1] not in ("", "\t", "["):
            words = line.split()
            names.append(words[:2] if words[0] == "info" else words[0])
    return names


def classify(command, want, got):
    if "not supported yet" in got:
        return NOT_YET
    if want == got:
        return SAME
    if re.match(r"(help|\?|info)(\s|$)", command.strip()) and \
       " -- " in want and help_names(want) == help_names(got):
        return VALUES
    return VALUES if shape(want) == shape(got) else DIFFERS


def command_name(line):
    words = re.split(r"[\s/]+", line.strip())
    if not words or not words[0]:
        return "(empty)"
    if words[0] == "info" and len(words) > 1:
        return "info " + words[1]
    return {"p": "print", "s": "stop", "c": "cont", "q": "quit",
            "?": "help"}.get(words[0], words[0])


class Run:
    def __init__(self, options, reasons, work):
        self.options, self.reasons, self.work = options, reasons, work
        self.counts = collections.defaultdict(collections.Counter)
        self.explained = collections.Counter()
        self.unexplained = []
        self.problems = []
        self.notes = []                # a smaller machine had to do
        self.why = collections.defaultdict(collections.Counter)

    def take(self, group, row, got):
        kind = classify(row["cmd"], row["out"], got)
        group += "/" + row["vm"]
        name = command_name(row["cmd"])
        self.counts[name][kind] += 1
        if kind not in (DIFFERS, VALUES):
            return
        why = self.reasons.find(group, row["cmd"])
        if why:
            self.explained[why] += 1
            self.counts[name]["explained " + kind] += 1
            self.why[name][why] += kind == DIFFERS
        elif kind == DIFFERS:
            self.unexplained.append((group, row["cmd"], row["out"], got))

    def machine(self, group, rows):
        for all_of_it in (True, False):
            args = mote_args(rows[0]["cmdline"], self.options.accel,
                             self.work, all_of_it)
            m = Machine(self.options.mote, args, self.work)
            if m.connect():
                break
            said = "%s: mote %s: %s" % (group, " ".join(args),
                                        m.close().strip())
            if all_of_it:
                self.notes.append(said)
            else:
                self.problems.append(said)
                return
        try:
            if "-kernel" in rows[0]["cmdline"] and "-S" not in args:
                m.settle()
            for row in rows:
                got, eof = m.ask(row["cmd"])
                while "Status: measured" in row["out"] and \
                        "Status: measuring" in got and not eof:
                    time.sleep(0.2)    # the recorded client waited
                    got, eof = m.ask(row["cmd"])
                self.take(group, row, got)
                if eof:
                    break
        except OSError as e:
            self.problems.append("%s: %s: %s" % (group, row["cmd"], e))
        log = m.close()
        if "AddressSanitizer" in log or "assert" in log.lower():
            self.problems.append("%s: %s" % (group, log))


def load(path, groups):
    machines = collections.OrderedDict()
    for line in open(path, encoding="utf-8"):
        row = json.loads(line)
        if groups and row["group"] not in groups:
            continue
        machines.setdefault((row["group"], row["vm"], row["cmdline"]),
                            []).append(row)
    return machines


def report(run):
    print("%-28s %6s %6s %8s %8s" % ("command", SAME, VALUES, DIFFERS,
                                     NOT_YET))
    for name in sorted(run.counts):
        c = run.counts[name]
        print("%-28s %6d %6d %8d %8d" % (name, c[SAME], c[VALUES],
                                         c[DIFFERS], c[NOT_YET]))
    total = sum(run.counts.values(), collections.Counter())
    print("%-28s %6d %6d %8d %8d" % ("total", total[SAME], total[VALUES],
                                     total[DIFFERS], total[NOT_YET]))
    print("\nWhy some differ:")
    for why, n in run.explained.most_common():
        print("  %4d  %s" % (n, why))
    print("\n%d differ and nobody said why" % len(run.unexplained))
    for group, cmd, want, got in run.unexplained[:run.options.show]:
        print("--- %s: %s\nwant:\n%s\ngot:\n%s" % (group, cmd, want, got))
    for p in run.notes:
        print("a smaller machine: " + p)
    for p in run.problems:
        print("problem: " + p)


def report_table(run):
    """conformance.tsv: command, same, values, differs, not yet, why."""
    print("# Generated by `make monitor-conform-list`; do not edit.")
    total = sum(run.counts.values(), collections.Counter())
    left = total[DIFFERS] - total["explained " + DIFFERS]
    print("total\t%d\t%d\t%d\t%d\t%s" % (
        total[SAME], total[VALUES], total[DIFFERS], total[NOT_YET],
        "%d not explained" % left if left else
        "why: see each command and `tests/monitor/reasons.txt`"))
    print("# command\tsame\tbut for values\tdiffers\tnot supported yet\twhy")
    for name in sorted(run.counts):
        c = run.counts[name]
        left = c[DIFFERS] - c["explained " + DIFFERS]
        why = [w for w, n in run.why[name].most_common() if n]
        if left:
            why.append("%d not explained" % left)
        print("%s\t%d\t%d\t%d\t%d\t%s" % (
            name, c[SAME], c[VALUES], c[DIFFERS], c[NOT_YET],
            "; ".join(why)))


def report_tap(run):
    names = sorted(run.counts)
    bad = collections.defaultdict(list)
    for group, cmd, want, got in run.unexplained:
        bad[command_name(cmd)].append((group, cmd, want, got))
    print("1..%d" % (len(names) + 1))
    for i, name in enumerate(names, 1):
        c = run.counts[name]
        note = "%d same, %d but for values, %d differ as explained, " \
            "%d not supported yet" % (c[SAME], c[VALUES],
                                      c["explained " + DIFFERS], c[NOT_YET])
        print("%sok %d - %s: %s" % ("not " if bad[name] else "", i, name,
                                    note))
        for group, cmd, want, got in bad[name][:3]:
            print("# %s: %s" % (group, cmd))
            print("#  want " + json.dumps(want)[:400])
            print("#  got  " + json.dumps(got)[:400])
    print("%sok %d - every machine ran" % ("not " if run.problems else "",
                                           len(names) + 1))
    for p in run.problems:
        print("# " + p.replace("\n", "\n# "))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--mote", default=os.path.join(os.environ.get("O", "build"),
                                                  "mote"))
    p.add_argument("--accel", default=os.environ.get("MOTE_ACCEL", "tcg"))
    p.add_argument("--tap", action="store_true")
    p.add_argument("--table", action="store_true",
                   help="a line per command, for docs/ref/monitor.md")
    p.add_argument("--all", action="store_true", help="every group")
    p.add_argument("--show", type=int, default=10)
    p.add_argument("groups", nargs="*")
    options = p.parse_args()
    options.mote = os.path.abspath(options.mote)

    shared = os.environ.get("MOTE_SHARED",
                            os.path.join(HERE, "..", "..", "..", "shared"))
    path = os.path.join(shared, "hmp", "transcripts", "all.jsonl")
    if not os.path.exists(path):
        skip("no recorded sessions at %s; set MOTE_SHARED" % path)
    if not os.path.exists(options.mote):
        skip("%s is not built" % options.mote)
    work = tempfile.mkdtemp(prefix="mote-conform-")
    try:
        if not build_guests(shared, work):
            skip("no compiler for 32-bit code (gcc -m32)")
        run = Run(options, Reasons(os.path.join(HERE, "reasons.txt")), work)
        groups = options.groups or ([] if options.all else DEFAULT_GROUPS)
        for (group, _vm, _cmdline), rows in load(path, groups).items():
            run.machine(group, rows)
        if options.table:
            report_table(run)
        elif options.tap:
            report_tap(run)
        else:
            report(run)
        sys.exit(1 if not options.tap and run.problems else 0)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
