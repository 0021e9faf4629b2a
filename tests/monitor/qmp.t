#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The recorded QMP session of a real QEMU, sent to mote.

Errors must have QEMU's class and words, answers its members, events its
names and data.  A difference is fine when qmp-reasons.txt says why.  What mote
has no command for is counted.
"""
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from vm import PATIENCE, Qmp, Tap, Vm, skip


def recorded():
    """[(sent, [answers]), ...] of the first machine."""
    root = os.environ.get("MOTE_SHARED",
                          os.path.join(HERE, "..", "..", "..", "shared"))
    path = os.path.join(root, "hmp", "transcripts", "36-qmp.txt")
    if not os.path.exists(path):
        skip(path + " is not there")
    out = []
    for line in open(path, encoding="utf-8"):
        if line.startswith("#@ vm pretty"):
            break
        if line.startswith("-> "):
            out.append([line[3:].rstrip("\n"), []])
        elif line.startswith("<- ") and out:
            try:
                out[-1][1].append(json.loads(line[3:]))
            except ValueError:
                out[-1][1].append(None)        # cut in the record
    # a request on two lines: the first has no answer
    joined = []
    for sent, got in out:
        if joined and not joined[-1][1]:
            joined[-1] = [joined[-1][0] + "\n" + sent, got]
        else:
            joined.append([sent, got])
    return joined


def reasons():
    rows = []
    for line in open(os.path.join(HERE, "qmp-reasons.txt")):
        if line.strip() and not line.startswith("#"):
            pattern, why = re.split(r"\t+", line.rstrip("\n"), maxsplit=1)
            rows.append((re.compile(pattern), why))
    return rows


def shape(v):
    """Member names and kinds of values; lists by their first element."""
    if isinstance(v, dict):
        return {k: shape(x) for k, x in v.items()}
    if isinstance(v, list):
        return [shape(v[0])] if v else []
    return "number" if isinstance(v, (int, float)) and \
        not isinstance(v, bool) else type(v).__name__


def fits(mine, theirs):
    """Nothing of theirs is missing; an empty list fits any."""
    if isinstance(theirs, dict) and isinstance(mine, dict):
        return all(k in mine and fits(mine[k], theirs[k]) for k in theirs)
    if isinstance(theirs, list) and isinstance(mine, list):
        return not mine or not theirs or fits(mine[0], theirs[0])
    return mine == theirs


def caused(events):
    """Names of events, but for what the guest did by itself meanwhile."""
    return [e["event"] for e in events
            if not e.get("data", {}).get("guest")]


def same(mine, theirs):
    if theirs is None:
        return "return" in mine
    if mine.get("id") != theirs.get("id"):
        return False
    if "error" in theirs:
        return mine.get("error") == theirs["error"]
    return "return" in mine and \
        fits(shape(mine["return"]), shape(theirs["return"]))


def sources():
    root = os.path.join(HERE, "..", "..")
    for room in ("monitor", "vmm", "virtio"):
        for d, _, names in os.walk(os.path.join(root, room)):
            for n in names:
                if n.endswith(".c"):
                    with open(os.path.join(d, n)) as f:
                        yield f.read()


def events_of_the_tables():
    with open(os.path.join(HERE, "..", "..", "docs", "ref", "qmp.md")) as f:
        part = f.read().partition("## Events")[2]
    return re.findall(r"^- \*\*([A-Z_]+)\*\*", part, re.M) or ["none found"]


def sent_somewhere(event):
    """Its row names it once; who sends it does so again."""
    return sum(text.count('"%s"' % event) for text in sources()) > 1


session = recorded()
why = reasons()
tap = Tap()
vm = Vm(["-S", "-m", "128", "-chardev", "ringbuf,id=rb0,size=64",
         "-device", "virtio-balloon-pci,id=bal0"])
qmp = Qmp(vm, negotiate=False)
tap.ok(same({"return": qmp.greeting}, {"return": {"QMP": {
    "version": {"qemu": {"major": 7, "minor": 2, "micro": 22},
                "package": ""}, "capabilities": ["oob"]}}}),
       "the greeting has QEMU's form", qmp.greeting)
unsent = [e for e in events_of_the_tables() if not sent_somewhere(e)]
absent, explained = [], 0
for sent, theirs in session:
    answers = [a for a in theirs if a is None or "event" not in a]
    events = caused([a for a in theirs if a and "event" in a])
    qmp.events = []
    qmp.sock.sendall(sent.encode() + b"\n")
    mine = [qmp.answer() for _ in answers]
    short = sent.replace("\n", "\\n")[:100]
    if mine and mine[0] and mine[0].get("error", {}).get("desc", "") \
            .endswith("has not been found") and mine != answers:
        absent.append(short)
        continue
    good = len(mine) == len(answers) and \
        all(m and same(m, t) for m, t in zip(mine, answers)) and \
        caused(qmp.events) == events
    reason = next((w for p, w in why if p.search(sent)), None)
    if not good and reason:
        explained += 1
        continue
    tap.ok(good, short, "got %s\nrecorded %s\nevents %s\nrecorded %s" %
           (json.dumps(mine), json.dumps(answers), caused(qmp.events),
            events))
tap.ok(not unsent, "every event of the schema is sent by something", unsent)
tap.ok(vm.proc.wait(PATIENCE) == 0, "quit ends it with status 0")
print("# %d commands answered as recorded, %d differ for a reason, "
      "%d not there yet" % (tap.n - tap.failed, explained, len(absent)))
for a in absent:
    print("# not there yet: " + a)
vm.end()
tap.done()
