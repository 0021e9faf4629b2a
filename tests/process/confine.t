#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""-runas, -chroot, -jail, as root: what the running process is and may.

TAP; `O` is the build folder.
"""
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from vm import O, PATIENCE, Tap, Vm  # noqa: E402
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                ".."))
from host import everyones_mote, no_jail  # noqa: E402

NOBODY = 65534
tap = Tap()
top = tempfile.mkdtemp(prefix="mote-confine-")
os.chmod(top, 0o755)


def at(name):
    return os.path.join(top, name)


def disk_options():
    path = at("disk")
    with open(path, "wb") as f:
        f.truncate(1 << 20)
    os.chmod(path, 0o600)              # root's: opened before
    return ["-object", "iothread,id=io0",
            "-drive", f"file={path},if=none,id=d,format=raw",
            "-device", "virtio-blk-device,drive=d,iothread=io0"]


def threads(pid):
    """Each thread's status as a dictionary of words."""
    for path in glob.glob(f"/proc/{pid}/task/*/status"):
        with open(path, encoding="ascii") as f:
            yield {k: v.split() for k, v in
                   (line.split(":", 1) for line in f if ":" in line)}


def until(fn):
    end = time.time() + PATIENCE
    while not fn() and time.time() < end:
        time.sleep(0.05)
    return fn()


def wrong_threads(pid, uid, gid):
    return [t["Name"][0] for t in threads(pid)
            if set(t["Uid"]) != {str(uid)} or set(t["Gid"]) != {str(gid)}
            or "0" in t["Groups"] or int(t["CapEff"][0], 16)
            or int(t["CapPrm"][0], 16) or t["Seccomp"] != ["2"]]


def check_threads(pid, uid, gid, what):
    # One just made may not have come to its first line yet.
    until(lambda: not wrong_threads(pid, uid, gid))
    wrong = wrong_threads(pid, uid, gid)
    tap.check(not wrong and len(list(threads(pid))) >= 4,
              f"{what}: every thread is user {uid} without capabilities",
              wrong)


def refused(options, words, name, mote=None, **how):
    command = Vm.command(options)
    got = subprocess.run([mote or command[0]] + command[1:],
                         stdin=subprocess.DEVNULL, capture_output=True,
                         text=True, timeout=PATIENCE, **how)
    tap.check(got.returncode == 1 and words in got.stderr and
              got.stderr.count("\n") == 1, name, got.stderr)


# --- -runas, -chroot ---

def runas():
    os.mkdir(at("theirs"))
    os.chown(at("theirs"), NOBODY, NOBODY)
    os.mkdir(at("ours"), 0o700)
    for who in ("nobody", f"{NOBODY}:{NOBODY}"):
        with Vm(disk_options() + ["-runas", who]) as vm:
            check_threads(vm.process.pid, NOBODY, NOBODY, f"-runas {who}")
            answer = vm.hmp(f'pmemsave 0 16 "{at("theirs/x")}"')
            tap.check(os.stat(at("theirs/x")).st_uid == NOBODY,
                      "files it makes are that user's", answer)
            answer = vm.hmp(f'pmemsave 0 16 "{at("ours/x")}"')
            tap.check("Permission denied" in answer,
                      "and root's are out of reach", answer)
            vm.hmp("object_add iothread,id=late")
            check_threads(vm.process.pid, NOBODY, NOBODY,
                          "threads made later")
        os.unlink(at("theirs/x"))
    refused(["-runas", "no-such-user"], "no-such-user",
            "-runas with an unknown user is one sentence")
    refused(["-runas", "1:2", "-accel", "tcg"], "cannot become user 1",
            "-runas by who may not is one sentence", user=NOBODY,
            mote=everyones_mote(at("bin")))


def chroot():
    os.mkdir(at("root"))
    with Vm(disk_options() + ["-chroot", at("root"), "-runas", "nobody"]) as v:
        tap.check(os.readlink(f"/proc/{v.process.pid}/root") == at("root"),
                  "-chroot: the folder is the root")
        check_threads(v.process.pid, NOBODY, NOBODY, "with -runas")
        answer = v.hmp('pmemsave 0 16 "/etc/passwd"')
        tap.check("No such file" in answer, "nothing of the host has a name",
                  answer)
    with Vm(["-chroot", at("root"), "-sandbox", "on,paths=/"]) as v:
        answer = v.hmp('pmemsave 0 16 "/here"')
        tap.check(os.path.exists(at("root/here")),
                  "names start from the new root", answer)
    refused(["-chroot", "/nowhere"], "-chroot /nowhere",
            "-chroot to nowhere is one sentence")


# --- -jail ---

def child_of(pid):
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path, encoding="ascii") as f:
                words = f.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if words[1] == str(pid):
            return int(path.split("/")[2])
    return 0


def namespaces(pid):
    return {n: os.readlink(f"/proc/{pid}/ns/{n}")
            for n in ("mnt", "pid", "ipc", "uts", "net", "cgroup")}


def check_networks(pid, what):
    """Linux keeps that one per thread."""
    ours = os.readlink("/proc/self/ns/net")
    shared = [path for path in glob.glob(f"/proc/{pid}/task/*/ns/net")
              if os.readlink(path) == ours]
    tap.check(not shared, f"{what}: no thread is in the host's network",
              shared)


def jail_options(more=""):
    return ["-jail", f"{at('jail')},uid=12345,gid=12346{more}"]


def jail():
    os.mkdir(at("jail"))
    os.chown(at("jail"), 12345, 12346)
    with Vm(disk_options() + jail_options(",nofile=200,fsize=1M") +
            ["-serial", f"file:{at('com')}", "-smp", "2"]) as vm:
        inner = child_of(vm.process.pid)
        check_threads(inner, 12345, 12346, "-jail")
        tap.check(set(int(t["CapBnd"][0], 16) for t in threads(inner)
                      if t["Name"][0] == "CPU") == {0},
                  "no capability can come back")
        ours, its = namespaces(os.getpid()), namespaces(inner)
        tap.check(not [n for n in ours if ours[n] == its[n]],
                  "every namespace is its own", f"{ours}\n{its}")
        check_networks(inner, "-jail")
        with open(f"/proc/{inner}/mountinfo", encoding="ascii") as f:
            mounts = f.read().strip().split("\n")
        tap.check(len(mounts) == 1 and "nodev" in mounts[0] and
                  "noexec" in mounts[0],
                  "there is one mount, without devices and programs", mounts)
        with open(f"/proc/{inner}/limits", encoding="ascii") as f:
            limits = f.read()
        tap.check(all(re.search(rf"^Max {what} +{n} +{n} ", limits, re.M)
                      for what, n in (("core file size", 0),
                                      ("open files", 200),
                                      ("file size", 1 << 20))),
                  "limits are set", limits)
        tap.check(until(lambda: os.path.getsize(at("com"))),
                  "the guest runs, and writes where the command line said")
        answer = vm.hmp('pmemsave 0 16 "/x"')
        tap.check(os.path.exists(at("jail/x")), "files land in the folder",
                  answer)
        for path in ("/etc/passwd", "/../../etc/passwd", "/proc/self/mem",
                     "/dev/kvm"):
            answer = vm.hmp(f'pmemsave 0 16 "{path}"')
            tap.check("No such file" in answer, f"{path} does not exist",
                      answer)
        outer = next(threads(vm.process.pid))
        tap.check(outer["Uid"][0] == "12345" and outer["Seccomp"] == ["2"]
                  and not int(outer["CapPrm"][0], 16),
                  "the process outside has no rights either")
        status = vm.end()
        tap.check(status == 0, "quit ends both with status 0", status)


def jail_device():
    os.mknod(at("jail/null"), 0o666 | 0o020000, os.makedev(1, 3))
    with Vm(jail_options()) as vm:
        answer = vm.hmp('pmemsave 0 16 "/null"')
        tap.check("Permission denied" in answer,
                  "a device file in the folder does not open", answer)
    os.unlink(at("jail/null"))


def start(options, append="h"):
    return subprocess.Popen(Vm.command(options, append),
                            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                            text=True)


def jail_ends():
    got = subprocess.run(
        Vm.command(jail_options() + ["-device", "isa-debug-exit,iobase=0xf4,"
                                     "iosize=4"], "e"),
        stdin=subprocess.DEVNULL, timeout=PATIENCE)
    tap.check(got.returncode == 33, "the guest decides the exit status",
              got.returncode)
    p = start(jail_options() + ["-serial", f"file:{at('com2')}"])
    until(lambda: os.path.exists(at("com2")) and os.path.getsize(at("com2")))
    p.terminate()
    tap.check(p.wait(PATIENCE) == 0 and "signal 15" in p.stderr.read(),
              "SIGTERM to the process outside reaches the VM")
    os.unlink(at("com2"))
    p = start(jail_options() + ["-serial", f"file:{at('com2')}"])
    until(lambda: os.path.exists(at("com2")) and os.path.getsize(at("com2")))
    inner = child_of(p.pid)
    p.send_signal(signal.SIGKILL)
    p.wait(PATIENCE)
    tap.check(inner and until(lambda: not os.path.exists(f"/proc/{inner}")),
              "the VM does not outlive the process outside")


def jail_daemon():
    pidfile = at("pid")
    got = subprocess.run(Vm.command(jail_options() + [
        "-daemonize", "-pidfile", pidfile]), timeout=PATIENCE)
    with open(pidfile, encoding="ascii") as f:
        pid = int(f.read())
    tap.check(got.returncode == 0 and child_of(pid) and
              os.readlink(f"/proc/{pid}/fd/0") == "/dev/null",
              "as a daemon, the pid file names the process outside")
    os.kill(pid, signal.SIGTERM)
    tap.check(until(lambda: not os.path.exists(f"/proc/{pid}")),
              "and signals to it end the VM")
    tap.check(os.path.getsize(pidfile) == 0, "the pid file is emptied")


def jail_places():
    holder = subprocess.Popen(["unshare", "-n", "sleep", "1000"])
    ours = os.readlink("/proc/self/ns/net")
    path = f"/proc/{holder.pid}/ns/net"
    until(lambda: os.readlink(path) != ours)
    with Vm(jail_options(f",netns={path}")) as vm:
        tap.check(namespaces(child_of(vm.process.pid))["net"] ==
                  os.readlink(path), "netns= is the network it has")
    holder.kill()
    holder.wait()


def jail_cgroup():
    os.mkdir(at("cg"))
    got = subprocess.run(["mount", "-t", "cgroup2", "none", at("cg")],
                         capture_output=True, text=True)
    if got.returncode:
        tap.skip("cgroup= is the group it runs in",
                 "no cgroup v2 here: " + got.stderr.strip())
        return
    group = at(f"cg/mote-test-{os.getpid()}")
    with Vm(jail_options(f",cgroup={group}")) as vm:
        with open(f"{group}/cgroup.procs", encoding="ascii") as f:
            tap.check(str(child_of(vm.process.pid)) in f.read().split(),
                      "cgroup= is the group it runs in")
    until(lambda: not open(f"{group}/cgroup.procs").read())
    os.rmdir(group)
    subprocess.run(["umount", at("cg")], check=True)


def of_name(name):
    """Processes called that."""
    found = []
    for path in glob.glob("/proc/[0-9]*/comm"):
        try:
            with open(path, encoding="ascii") as f:
                if f.read().strip() == name:
                    found.append(int(path.split("/")[2]))
        except OSError:
            pass
    return found


def jail_network():
    if not os.path.exists(os.path.join(O, "mote-slirp")):
        tap.skip("a user network's helper stays outside",
                 "there is no mote-slirp")
        return
    before = of_name("mote-slirp")
    with Vm(jail_options() + ["-netdev", "user,id=n"]) as vm:
        new = [p for p in of_name("mote-slirp") if p not in before]
        tap.check(len(new) == 1 and
                  namespaces(new[0]) == namespaces(os.getpid()) and
                  set(next(threads(new[0]))["Uid"]) == {"12345"},
                  "a user network's helper stays outside, as the same user",
                  new)
        answer = vm.hmp("hostfwd_add n tcp:127.0.0.1:0-:22")
        tap.check("rror" not in answer, "and answers", answer)
    tap.check(until(lambda: not os.path.exists(f"/proc/{new[0]}")),
              "and ends with the VM")


def preconfig(options, uid, gid, what, jailed=False):
    """The monitors' thread is older than the machine, and confined too."""
    with Vm(disk_options() + ["--preconfig", "-smp", "2"] + options) as vm:
        pid = child_of(vm.process.pid) if jailed else vm.process.pid
        monitor = [t for t in threads(pid) if t["Name"] == ["monitor"]]
        tap.check(len(monitor) == 1 and set(monitor[0]["Uid"]) == {str(uid)}
                  and monitor[0]["Seccomp"] == ["2"]
                  and not int(monitor[0]["CapPrm"][0], 16),
                  f"{what} --preconfig: its thread has no rights before",
                  monitor)
        vm.hmp("object_add iothread,id=early")
        answer = vm.qmp("x-exit-preconfig")
        tap.check(answer == {"return": {}}, "the machine is built", answer)
        check_threads(pid, uid, gid, f"{what} --preconfig")
        roots = set(os.readlink(p)
                    for p in glob.glob(f"/proc/{pid}/task/*/root"))
        tap.check(len(roots) == 1, "and they have one root", roots)
        if jailed:
            check_networks(pid, f"{what} --preconfig")
            tap.check(set(int(t["CapBnd"][0], 16)
                          for t in threads(pid)) == {0},
                      "no capability can come back to any of them")
        answer = vm.hmp('pmemsave 0 16 "/etc/passwd"')
        tap.check("No such file" in answer or "denied" in answer,
                  "the host's files are out of reach", answer)
        tap.check("running" in vm.hmp("info status"), "it runs")


def preconfig_jail():
    preconfig(jail_options(), 12345, 12346, "-jail", True)


def jail_refusals():
    for options, words, name in (
            (["-jail", f"{at('jail')},gid=1"], "uid= and gid=", "no uid="),
            (["-jail", f"{at('jail')},uid=0,gid=0"], "root's", "root"),
            (["-jail", "/nowhere,uid=1,gid=1"], "'/nowhere'", "no folder"),
            (jail_options(",netns=nope"), "/run/netns/nope", "no netns"),
            (jail_options(",colour=red"), "colour", "an unknown word"),
            (jail_options() + ["-runas", "nobody"], "-runas", "-runas too"),
            (jail_options(",nofile=4G"), "nofile", "a wrong number")):
        refused(options, words, f"-jail with {name} is one sentence")
    refused(jail_options() + ["-accel", "tcg"], "only root",
            "-jail by who may not is one sentence", user=NOBODY,
            mote=everyones_mote(at("bin")))
    fd = os.open("/", os.O_RDONLY)
    refused(jail_options(), f"descriptor {fd} is an open folder",
            "a folder's descriptor that was handed in is refused",
            pass_fds=[fd])
    os.close(fd)


try:
    if os.geteuid():
        tap.skip("-runas, -chroot and -jail", "needs root")
    else:
        runas()
        chroot()
        preconfig(["-runas", "nobody"], NOBODY, NOBODY, "-runas")
        preconfig(["-runas", "nobody", "-chroot", at("root")], NOBODY,
                  NOBODY, "-chroot")
        why = no_jail()
        if why:
            tap.skip("-jail", why)
        else:
            for test in (jail, jail_device, jail_ends, jail_daemon,
                         jail_places, jail_cgroup, jail_network,
                         preconfig_jail, jail_refusals):
                test()
finally:
    shutil.rmtree(top)
tap.done()
