#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""TAP: what the documents say is there.

Files and folders they name exist, `make` targets, options, devices, back ends
and monitor commands do too, README's monitor lines answer on a running guest,
docs/ref is what the tables give.  O names the build folder.
"""
import fnmatch
import glob
import os
import re
import subprocess
import sys

sys.path.insert(0, "tests/process")
import vm  # noqa: E402
from vm import MOTE, O, Tap  # noqa: E402

PAGES = ["README.md", "tcg-plugin/README.md", *sorted(glob.glob("docs/*.md")),
         *sorted(glob.glob("docs/decisions/*.md"))]
ROOMS = "docs/rooms.txt"
# What the host, the guest or the reader has, not the tree.
ELSEWHERE = re.compile(
    r"^(/|~|\$|build|\w+://)|^(vmlinux?z?|kernel\.elf|initramfs\.gz|"
    r"core\.elf|disk\.img|more\.img|guest\.pcap|"
    r"qemu-io|qemu-img|linux/kvm\.h)$")
SUFFIX = re.compile(r"\.(c|h|S|def|md|t|py|sh|txt|mk|tsv|config|cfg)$")


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def run(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, check=True).stdout


def tree():
    got = subprocess.run(["git", "ls-files"], capture_output=True, text=True)
    if got.returncode == 0:
        return [f for f in got.stdout.split("\n") if f]
    every = [os.path.join(d, f)[2:] for d, _, fs in os.walk(".") for f in fs]
    return [f for f in every if not f.startswith("build")]


def quoted(text):
    """What stands between backticks on one line, code blocks apart."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
    return re.findall(r"`([^`\n]+)`", text)


def shown(text):
    """The lines of code blocks, their continuations joined."""
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, flags=re.S | re.M)
    indented = re.findall(r"^    .*$", re.sub(r"^```.*?^```", "", text,
                                              flags=re.S | re.M), flags=re.M)
    lines = "\n".join(fenced + indented)
    return re.sub(r"\\\n\s*", " ", lines).split("\n")


def links(text):
    return [m for m in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in m]


class Tree:
    def __init__(self):
        self.files = tree()
        self.bases = {os.path.basename(f) for f in self.files}
        self.folders = {os.path.dirname(f) for f in self.files}
        self.folders |= {os.path.dirname(f) for f in self.folders}

    def has(self, name, page):
        """A path from the root, from the page's folder or of no folder."""
        name = name.rstrip("/")
        for path in (name, os.path.join(os.path.dirname(page), name)):
            path = os.path.normpath(path)
            if path in self.files or path in self.folders:
                return True
            if "*" in path and glob.glob(path):
                return True
        if "*" in name:
            name = "**/" + name
            return bool(glob.glob(name, recursive=True))
        return name in self.bases or \
            any(f.endswith("/" + name) for f in self.files)


def named_files(text):
    """Words between backticks that claim to be of this tree."""
    for words in quoted(text):
        for word in re.split(r"[\s,:]+", words):
            word = word.rstrip(".")
            if ELSEWHERE.match(word) or re.search(r"[=<>()$%\"'@{}]|FOO|foo",
                                                  word):
                continue
            if SUFFIX.search(word):
                yield word
            elif "/" in word and word.split("/")[0] in (
                    "vmm", "virtio", "arch", "monitor", "seccomp", "slirp",
                    "tests", "docs", "tcg-plugin", "preload"):
                yield word


def check_files(tap):
    it, bad = Tree(), []
    for page in PAGES:
        text = read(page)
        bad += [f"{page}: {n}" for n in named_files(text)
                if not it.has(n, page)]
        bad += [f"{page}: link to {n}" for n in links(text) if not
                os.path.exists(os.path.join(os.path.dirname(page), n))]
    tap.check(not bad, "files that documents name exist", "\n".join(bad))


def check_reached(tap):
    """README names every page, itself or by a page it names."""
    seen, todo = set(), ["README.md"]
    while todo:
        page = todo.pop()
        if page in seen:
            continue
        seen.add(page)
        text, here = read(page), os.path.dirname(page)
        for n in links(text) + quoted(text):
            for path in (n, os.path.join(here, n)):
                path = os.path.normpath(path)
                if path in PAGES:
                    todo.append(path)
                elif path == "docs/decisions":
                    todo += [p for p in PAGES if p.startswith(path)]
    bad = [p for p in PAGES if p not in seen]
    tap.check(not bad, "README leads to every document", "\n".join(bad))


def check_targets(tap):
    targets = set()
    for f in ["Makefile", *glob.glob("tests/*/rules.mk")]:
        text = read(f).replace("\\\n", " ")
        targets |= set(re.findall(r"^([a-z][a-z-]*):", text, flags=re.M))
        for row in re.findall(r"^\.PHONY: (.*)$", text, flags=re.M):
            targets |= set(row.split())
    targets |= {"fuzz-" + d for d in re.search(
        r"FUZZ_DEVICES := (.*?)\n\n", read("tests/fuzz/rules.mk"),
        flags=re.S).group(1).replace("\\\n", " ").split()}
    bad = []
    for page in PAGES:
        text = read(page)
        for code in quoted(text) + shown(text):
            for t in re.findall(r"^\s*make ([a-z][a-z-]+)", code):
                if t not in targets:
                    bad.append(f"{page}: make {t}")
    tap.check(not bad, "make targets that documents name exist",
              "\n".join(bad))


def commands_of(text):
    """Command lines of mote: from `mote` to the end, comments cut."""
    for code in quoted(text) + shown(text):
        m = re.search(r"(?:^|\s|/)mote (.*)", code)
        if m:
            yield m.group(1)
        elif re.match(r"\s*-[a-zA-Z]", code):
            yield code.strip()


def names(*question):
    """The names that `mote -device help` and its like list."""
    got = subprocess.run([MOTE, *question], stdin=subprocess.DEVNULL,
                         capture_output=True, text=True)
    return set(re.findall(r'[\w.-]+', got.stdout + got.stderr))


def check_options(tap):
    known = set(re.findall(r"^-([\w-]+)", run(MOTE, "-help"), flags=re.M))
    lists = {o: names("-" + o, "help") for o in (
        "device", "netdev", "chardev", "object", "accel", "cpu", "machine",
        "blockdev")}
    lists["M"] = lists["machine"]
    lists["nic"] = lists["netdev"] | {"none"}
    bad = []
    for page in PAGES:
        for line in commands_of(read(page)):
            for option, value in re.findall(
                    r"(?:^|\s)--?([a-z][\w-]*)(?:[ =]+([a-z][\w.-]*))?",
                    line, flags=re.I):
                if option in NOT_OURS or re.match("E[A-Z]", option):
                    continue
                if option not in known:
                    bad.append(f"{page}: -{option} in: {line}")
                elif value and option in lists and "..." not in value and \
                        not value.isupper() and \
                        value not in lists[option] | {"help"}:
                    bad.append(f"{page}: -{option} {value}")
    tap.check(not bad, "options that documents show are mote's",
              "\n".join(bad))


# What stands behind a dash and is no option of mote: monitor commands' and
# other programs' flags, ends of names.
NOT_OURS = set("e c n r k z R p b w t j ex mgeneral-regs-only errno total "
               "read write max max-length".split())


def commands():
    """Monitor commands that work: {"stop": True, "info status": True}"""
    return set(re.findall(r"^\| \[`([^`]+)`\].*\| works \|$",
                          read("docs/ref/monitor.md"), flags=re.M))


def check_monitor(tap):
    known, bad = commands(), []
    for page in PAGES:
        for line in shown(read(page)):
            m = re.match(r"\s*\((?:qemu|vmm)\) (\S+)(?: (\S+))?", line)
            if m and m.group(1) not in known and \
                    f"info {m.group(2)}" not in known:
                bad.append(f"{page}: {line.strip()}")
        for code in quoted(read(page)):
            if re.match(r"info [a-z]", code) and page != "docs/gdb.md" and \
                    " ".join(code.split()[:2]) not in known:
                bad.append(f"{page}: {code}")
    tap.check(not bad, "monitor commands that documents show work",
              "\n".join(bad))


def check_readme(tap):
    """What README says to type, typed."""
    vm.ACCEL = "tcg"
    first = {c.split()[0] for c in commands()} | {"xp", "print/x", "x/8i",
                                                  "x/4gx", "xp/16xb"}
    lines = [c for c in quoted(read("README.md")) if c.split()[0] in first
             and not c.startswith(("accel_switch", "system_powerdown"))]
    bad = []
    with vm.Vm([]) as guest:
        for line in lines:
            answer = guest.hmp(line)
            if re.search(r"not supported|unknown|rror:|usage", answer) or \
                    answer.startswith("{"):
                bad.append(f"{line}: {answer}")
    tap.check(len(lines) > 15 and not bad,
              "README's monitor lines have answers", "\n".join(bad))


def check_rooms(tap):
    text = read("docs/architecture.md")
    rooms = re.findall(r"^([a-z][\w/-]*):", read(ROOMS), flags=re.M)
    told = set(quoted("\n".join(re.findall(r"^\| (`.*?) \|", text,
                                           flags=re.M))))
    files = [f for f in tree() if f.endswith((".c", ".h"))
             and not f.startswith("tests/")]
    folders = {os.path.dirname(f) for f in files}
    bad = [f"{ROOMS}: {r} has no file" for r in rooms if r not in folders]
    bad += [f"{ROOMS} lacks {f}" for f in folders if f not in rooms]
    bad += [f"docs/architecture.md lacks {r}" for r in rooms if r not in told]
    inside = text[text.index("## Inside the big rooms"):]
    for room, row in re.findall(r"^\| `([\w/-]+)` \| (.*) \|$", inside,
                                flags=re.M):
        groups = " ".join(quoted(row)).split()
        bad += [f"docs/architecture.md: {f} is in no group" for f in files
                if os.path.dirname(f) == room and f.endswith(".c") and not
                any(fnmatch.fnmatch(os.path.basename(f), g) for g in groups)]
        bad += [f"docs/architecture.md: {room} has no {g}" for g in groups
                if not glob.glob(f"{room}/{g}") and g != "info" and
                not g.startswith("-")]
    tap.check(not bad, "rooms.txt and architecture.md name every folder and "
              "file", "\n".join(bad))


def check_ref(tap):
    made = {
        "monitor.md": run(f"{O}/tests/unit/test_mon_table", "doc",
                       "tests/monitor/conformance.tsv"),
        "qmp.md": run(f"{O}/tests/unit/test_qmp", "doc"),
        "mote.1": run(f"{O}/tests/unit/test_manual", "doc"),
        "seccomp.md": run(f"{O}/seccomp/gen/gen", "-d"),
    }
    bad = [f"docs/ref/{n}: run `make docs-ref`" for n, text in made.items()
           if text != read(f"docs/ref/{n}")]
    tap.check(not bad, "docs/ref is what the tables give", "\n".join(bad))


def main():
    tap = Tap()
    for check in (check_files, check_reached, check_targets, check_options,
                  check_monitor, check_readme, check_rooms, check_ref):
        check(tap)
    tap.done()


if __name__ == "__main__":
    main()
