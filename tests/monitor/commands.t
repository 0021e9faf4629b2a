#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Commands that change a running machine, and the events they lead to."""
import json
import os
import re
import socket
import struct
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from vm import OF_THE_CPU, PATIENCE, READ_ONLY, Qmp, Tap, Vm

tap = Tap()


class Client(Qmp):
    def hmp(self, line):
        v = self.ask({"execute": "human-monitor-command",
                      "arguments": {"command-line": line}})
        return v["return"].replace("\r", "")

    def run(self, name, **args):
        return self.ask({"execute": name, "arguments": args})

    def heard(self, event, seconds=PATIENCE):
        """Its data once it came; None: it did not."""
        end = time.time() + seconds
        while True:
            for e in self.events:
                if e["event"] == event:
                    self.events.remove(e)
                    return e.get("data", {})
            if time.time() > end:
                return None
            self.ask({"execute": "query-status"})
            time.sleep(0.05)


def says(c, line, want, name):
    got = c.hmp(line)
    tap.ok(got == want, name, "%s: %r, not %r" % (line, got, want))


def preconfig():
    vm = Vm(["--preconfig", "-S"])
    c = Client(vm)
    says(c, "info cpus", "Command 'info cpus' not available until machine "
         "initialization has completed.\n", "before the machine CPUs are none")
    tap.ok("error" in c.run("stop"), "QMP does not stop what is not built")
    says(c, "object_add iothread,id=i0", "", "an object may be added before")
    says(c, "help stop", "unknown command: 'stop'\n",
         "help hides what cannot run yet")
    tap.ok(c.run("x-exit-preconfig") == {"return": {}},
           "x-exit-preconfig builds the machine")
    tap.ok("CPU #0" in c.hmp("info cpus"), "then there are CPUs")
    tap.ok("i0:" in c.hmp("info iothreads"), "and the object is there")
    says(c, "info status", "VM status: paused (prelaunch)\n",
         "-S holds after it too")
    tap.ok("error" in c.run("x-exit-preconfig"), "there is one exit only")
    tap.ok(vm.end() == 0, "it ends in peace")
    vm = Vm(["--preconfig", "-device", "nosuch"])
    c = Client(vm)
    v = c.run("x-exit-preconfig")
    tap.ok("error" in v, "a machine that cannot be built is an error", v)
    tap.ok(vm.proc.wait(PATIENCE) == 1, "and ends the process with 1")
    vm.end()


def suspend(c):
    c.hmp("o/h 0x604 0x2400")          # PM1_CNT: SLP_EN, S3
    says(c, "info status", "VM status: paused (suspended)\n",
         "S3 suspends the machine")
    tap.ok(c.heard("SUSPEND") == {}, "SUSPEND is sent")
    says(c, "cont", "", "cont does not wake it")
    says(c, "system_wakeup", "", "system_wakeup does")
    tap.ok(c.heard("WAKEUP") == {}, "WAKEUP is sent")
    says(c, "info status", "VM status: running\n", "it runs again")
    says(c, "system_wakeup", "Error: Unable to wake up: guest is not in "
         "suspended state\n", "once is enough")


def alarm(c):
    """Every second, by the RTC: it rings also while the guest's clocks
    stand still."""
    for reg, v in ((1, 0xff), (3, 0xff), (5, 0xff), (0x0b, 0x22)):
        c.hmp("o/b 0x70 %d" % reg)
        c.hmp("o/b 0x71 %d" % v)
    c.hmp("i/b 0x70.0x0c")             # what rang before
    c.hmp("o/h 0x604 0x2400")
    tap.ok(c.heard("WAKEUP", 3) is None,
           "an alarm that may not wake the machine does not")
    c.hmp("system_wakeup")
    c.heard("WAKEUP")
    c.hmp("o/b 0x70 0x0b")
    c.hmp("o/b 0x71 0x22")
    c.hmp("i/b 0x70.0x0c")
    c.hmp("o/h 0x602 0x400")           # RTC_EN
    c.hmp("o/h 0x604 0x2400")
    tap.ok(c.heard("WAKEUP") == {}, "one that may does")
    got = int(c.hmp("i/h 0x600").split()[-1], 16)
    tap.ok(got & 0x8500 == 0x8400, "and the guest is told who it was",
           hex(got))
    says(c, "info status", "VM status: running\n", "it runs")


def clock(c):
    for port, v in ((0x70, 0x0b), (0x71, 0x82), (0x70, 0), (0x71, 0x30),
                    (0x70, 0x0b), (0x71, 0x02)):
        c.hmp("o/b %d %d" % (port, v))
    data = c.heard("RTC_CHANGE")
    tap.ok(data and "offset" in data, "a clock that is set is heard of", data)


def keys(c):
    c.hmp("i /b 0x60")
    c.run("send-key", keys=[{"type": "qcode", "data": "a"}])
    time.sleep(0.3)
    got = [c.hmp("i /b 0x60").split()[-1] for _ in range(2)]
    tap.ok(got == ["0x1e", "0x9e"], "send-key presses and releases", got)


def interrupts(c):
    def count(pin):
        m = re.search("isa-i8259:(?:\n.*)*?\n ?%d: (\\d+)" % pin,
                      c.hmp("info irq"))
        return int(m.group(1)) if m else 0
    before = count(1)
    c.hmp("o/b 0x64 0x60")             # the keyboard may interrupt
    c.hmp("o/b 0x60 1")
    c.run("send-key", keys=[{"type": "qcode", "data": "b"}])
    end = time.time() + PATIENCE
    while count(1) == before and time.time() < end:
        time.sleep(0.05)
    tap.ok(count(1) > before, "a key is counted as interrupt 1",
           c.hmp("info irq"))
    got = [c.hmp("xp/1xw 0x%x" % at).split()[-1] for at in
           (0xfee00020, 0xfee00030, 0xfec00000)]
    tap.ok(got[0] == "0x00000000" and got[1][-2:] == "14" and
           got[2] == "0x00000000", "the APICs' registers are memory", got)
    got = c.run("human-monitor-command", **{
        "command-line": "xp/1xw 0xfee00020", "cpu-index": 1})["return"]
    tap.ok(got.split()[-1] == "0x01000000",
           "each CPU sees its own local APIC", got)
    tap.ok(c.hmp("i/b 0x21").endswith("0xff\n") or
           c.hmp("i/b 0x21").endswith("0x00\n"),
           "a PIC's mask can be read", c.hmp("i/b 0x21"))


def statistics(c):
    vm, cpu = c.hmp("info stats vm"), c.hmp("info stats vcpu")
    tap.ok(vm.startswith("provider: tcg\n    ") and
           "blocks (instant): " in vm and
           cpu.startswith("provider: tcg\n    ") and
           "\nprovider: mote\n    exits (cumulative): " in cpu,
           "the plugin's statistics are KVM's binary ones", vm + cpu)
    v = c.run("query-stats", target="vcpu",
              providers=[{"provider": "tcg", "names": ["halts"]}])["return"]
    tap.ok(len(v) == 2 and v[0]["provider"] == "tcg" and
           [s["name"] for s in v[0]["stats"]] == ["halts"],
           "query-stats has them by name", v)


def called_away(c):
    m = re.findall(r"called_away.*: (\d+)", c.hmp("info stats vcpu"))
    return [int(n) for n in m]


def no_stops(c):
    """What reads leaves running vCPUs alone, but for questions to one."""
    loud = {}
    for line in READ_ONLY:
        before = called_away(c)
        answer = c.hmp(line)
        if called_away(c) != before or "unknown command" in answer:
            loud[line] = answer
    tap.ok(not loud, "%d commands that read make no vCPU leave the guest" %
           len(READ_ONLY), loud)
    before = called_away(c)
    for line in OF_THE_CPU:
        c.hmp(line)
    after = called_away(c)
    tap.ok(after == [n + len(OF_THE_CPU) for n in before] and before,
           "registers are one question each to the CPU", (before, after))


def dump(vm, c):
    path = vm.path("core")
    tap.ok(c.run("dump-guest-memory", paging=True, detach=True,
                 protocol="file:" + path) == {"return": {}},
           "a dump may be detached")
    data = c.heard("DUMP_COMPLETED")
    tap.ok(data and data["result"]["status"] == "completed",
           "DUMP_COMPLETED is sent", data)
    with open(path, "rb") as f:
        head = f.read(20)
    tap.ok(head[:4] == b"\x7fELF" and struct.unpack_from("<H", head, 16)[0]
           == 4, "it is an ELF core")
    tap.ok(c.run("query-status")["return"]["running"],
           "the guest runs after it")


def rate(c):
    c.run("calc-dirty-rate", **{"calc-time": 1, "mode": "dirty-bitmap"})
    end = time.time() + PATIENCE
    v = {}
    while time.time() < end and v.get("status") != "measured":
        time.sleep(0.2)
        v = c.run("query-dirty-rate")["return"]
    tap.ok(v.get("dirty-rate") == 0, "a guest that writes nothing has rate 0",
           v)


def descriptors(vm, c):
    """A file this test opened, which mote may only reach by number."""
    path = vm.path("given")
    fd = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    socket.send_fds(c.sock, [json.dumps(
        {"execute": "add-fd", "arguments": {"fdset-id": 7, "opaque": "t"}})
        .encode() + b"\n"], [fd])
    v = c.answer()
    os.close(fd)
    tap.ok(v["return"]["fdset-id"] == 7, "add-fd takes a descriptor", v)
    sets = c.run("query-fdsets")["return"]
    tap.ok(sets == [{"fdset-id": 7, "fds": [{"fd": v["return"]["fd"],
                                             "opaque": "t"}]}],
           "query-fdsets shows it", sets)
    v = c.run("pmemsave", val=0, size=8192, filename="/dev/fdset/7")
    tap.ok(v == {"return": {}} and os.path.getsize(path) == 8192,
           "/dev/fdset/7 is what it was", v)
    tap.ok(c.run("remove-fd", **{"fdset-id": 7}) == {"return": {}} and
           "error" in c.run("pmemsave", val=0, size=1,
                            filename="/dev/fdset/7"),
           "remove-fd takes it away")


def pci(c):
    functions = c.run("query-pci")["return"][0]["devices"]
    found = [f for f in functions if f["qdev_id"] == "bal0"]
    text = c.hmp("info pci")
    tap.ok(len(found) == 1 and found[0]["id"]["vendor"] == 0x1af4 and
           len(functions) == text.count("Bus  0"),
           "query-pci tells what info pci does", functions)
    at = found[0]["regions"][0]["address"]
    tap.ok("at 0x%08x " % at in text or at == -1,
           "and where the BARs are", text)


def balloon(c):
    says(c, "info balloon", "balloon: actual=512\n",
         "an empty balloon leaves the guest all of -m")


def gdb_port(c):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    says(c, "gdbserver %d" % port, "Waiting for gdb connection on device "
         "'%d'\n" % port, "gdbserver takes a bare port")
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as s:
        s.settimeout(PATIENCE)
        s.sendall(b"$qC#b4")
        tap.ok(s.recv(1) == b"+", "a debugger gets in there")
    says(c, "gdbserver 99999", "'99999' is no port: 0 to 65535\nCould not "
         "open gdbserver on device '99999'\n", "a port has 16 bits")
    says(c, "gdbserver none", "Disabled gdbserver\n", "gdbserver none")
    c.hmp("cont")


def objects(vm, c):
    """Every type comes, is listed, and goes."""
    c.hmp("netdev_add stream,id=n7,server=on,addr.type=unix,addr.path=n7")
    specs = ["iothread,id=o1", "rng-random,id=o2", "rng-builtin,id=o3",
             "filter-dump,id=o4,netdev=n7,file=" + vm.path("pcap")]
    for spec in specs:
        says(c, "object_add " + spec, "", "object_add " + spec.split(",")[0])
    text = c.hmp("qom-list /objects")
    tap.ok(all("o%d (child<%s>)" % (i + 1, s.split(",")[0]) in text
               for i, s in enumerate(specs)), "/objects lists them", text)
    says(c, "object_add rng-random,id=o1", "Error: attempt to add duplicate "
         "property 'o1' to object (type 'container')\n",
         "an id is one object's, of whatever type")
    tap.ok("poll-max-ns=<int>" in c.hmp("object_add iothread,help"),
           "TYPE,help lists its options")
    v = c.run("device_add", driver="virtio-rng-pci", rng="nosuch")
    tap.ok("can't find value 'nosuch'" in v["error"]["desc"],
           "a device's object has to be there", v)
    c.run("device_add", driver="virtio-rng-pci", rng="o2", id="r7")
    says(c, "object_del o2", "Error: object 'o2' is in use, can not be "
         "deleted\n", "what a device uses stays")
    for i in (1, 3, 4):
        says(c, "object_del o%d" % i, "", "object_del o%d" % i)
    says(c, "object_del o4", "Error: object 'o4' not found\n",
         "and is gone then")
    path = "/machine/peripheral/bal0/virtio-backend"
    tap.ok(c.run("qom-get", path=path, property="type")["return"] ==
           "virtio-balloon-device" and path in c.hmp("info virtio"),
           "the path info virtio shows is an object")


def yank(vm):
    """Out of band: while a slow command of the same client runs."""
    s = socket.socket(socket.AF_UNIX)
    s.bind(vm.path("peer"))
    s.listen(1)
    c = Client(vm, negotiate=False)
    c.ask({"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}})
    c.run("chardev-add", id="far", backend={"type": "socket", "data": {
        "addr": {"type": "unix", "data": {"path": vm.path("peer")}},
        "server": False}})
    peer = s.accept()[0]
    peer.settimeout(PATIENCE)
    tap.ok({"type": "chardev", "id": "far"} in c.run("query-yank")["return"],
           "query-yank lists a socket")
    for names, want in ((None, "return"), (["far", "nosuch"], "error"),
                        (["far"], "return")):
        c.sock.sendall(json.dumps({"execute": "pmemsave", "id": 1, "arguments":
            {"val": 0, "size": 32 << 20,
             "filename": vm.path("slow")}}).encode())
        oob = {"exec-oob": "query-yank", "id": 2}
        if names:
            oob = {"exec-oob": "yank", "id": 2, "arguments": {"instances": [
                {"type": "chardev", "id": n} for n in names]}}
        c.sock.sendall(json.dumps(oob).encode())
        got = {v["id"]: v for v in (c.answer(), c.answer())}
        tap.ok(want in got[2] and "return" in got[1],
               "yank %s: %s" % (names, want), got)
        if want == "error":
            tap.ok(got[2]["error"] == {"class": "DeviceNotFound", "desc":
                                       "Instance not found"},
                   "and it says which class of it", got)
            peer.setblocking(False)
            try:
                tap.ok(peer.recv(1) == b"x", "nothing was cut")
            except BlockingIOError:
                tap.ok(True, "nothing was cut")
            peer.settimeout(PATIENCE)
    tap.ok(peer.recv(1) == b"", "the connection is cut")
    v = c.ask({"exec-oob": "query-status"})
    tap.ok("does not support OOB" in v["error"]["desc"],
           "what may not run out of band says so", v)
    c.sock.close()


def traces():
    import tempfile
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "trace")
        vm = Vm(["-trace", "vm_state,file=" + path])
        Client(vm).run("stop")
        vm.end()
        text = open(path).read()
        tap.ok("running -> paused" in text,
               "-trace writes a file, all of it at the end", text)
        path = os.path.join(d, "all")
        vm = Vm(["-trace", "*,file=" + path, "-device", "virtio-rng-pci,id=r"])
        c = Client(vm)
        c.hmp("o /w 0xcf8 0x80000804")
        c.run("memsave", val=0x100000, size=64, filename=vm.path("m"))
        c.run("blockdev-add", driver="null-co", **{"node-name": "n"})
        vm.end()
        text = open(path).read()
        missing = [p for p in (
            "vm_state", "bus_write", "device_realize",
            "kvm_memory", "rom_load", "blk_open", "chardev_event",
            "hmp_command", "qmp_command", "path_open", "thread_start",
            "sandbox_enter") if " %s " % p not in text]
        tap.ok(not missing and all(re.match(r"\d+\.\d{6} \d+ \w+ ", line)
                                   for line in text.splitlines()),
               "every room has points, and the file is lines", missing)


def probe(c):
    """What a management program asks before it says what it wants."""
    v = c.run("query-machines")["return"]
    tap.ok([m["name"] for m in v if m.get("is-default")] == ["pc"] and
           "microvm" in [m["name"] for m in v], "query-machines", v)
    for m in c.run("query-cpu-definitions")["return"]:
        v = c.run("query-cpu-model-expansion", type="full",
                  model={"name": m["name"]})
        props = v.get("return", {}).get("model", {}).get("props", {})
        tap.ok(props.get("fpu") and len(props) > 100 and
               set(map(type, props.values())) == {bool},
               "the features of %s" % m["name"], v)
    v = c.run("query-cpu-model-expansion", type="static",
              model={"name": "max", "props": {"sse4_2": False}})
    props = v["return"]["model"]["props"]
    tap.ok(props.get("ssse3") and "sse4_2" not in props and
           "sse4.2" not in props, "one less", v)
    v = c.run("query-cpu-model-expansion", type="full",
              model={"name": "nosuch"})
    tap.ok("no CPU model 'nosuch'" in v.get("error", {}).get("desc", ""),
           "no such model", v)
    v = c.run("query-command-line-options", option="smp")
    tap.ok({"name": "cpus", "type": "number"} in
           v["return"][0]["parameters"], "an option's parameters", v)
    tap.ok(c.run("query-block-jobs") == {"return": []}, "no block jobs")


preconfig()
traces()
vm = Vm(["-smp", "2", "-m", "512",
         "-device", "virtio-balloon-pci,id=bal0"], qmps=1)
yank(vm)
c = Client(vm)
probe(c)
descriptors(vm, c)
pci(c)
objects(vm, c)
suspend(c)
alarm(c)
clock(c)
keys(c)
interrupts(c)
gdb_port(c)
balloon(c)
statistics(c)
no_stops(c)
dump(vm, c)
rate(c)
tap.ok(vm.end() == 0, "the VM ends in peace")
tap.done()
