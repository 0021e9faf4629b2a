#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""QMP's block commands against a mote with disks but no guest's driver, and
the human monitor's answers about the same disks."""
import os

from vm import Hmp, Qmp, Tap, Vm

vm = Vm(args=["-drive", "file=d.img,format=raw,id=d0,if=none,serial=S1",
              "-device", "virtio-blk-pci,drive=d0,id=dev0",
              "-blockdev", "null-co,node-name=n0,size=1M"],
        setup=lambda dir: open(os.path.join(dir, "d.img"), "wb")
        .truncate(1 << 20))
q, h, t = Qmp(vm), Hmp(vm), Tap()


def ret(cmd, **args):
    a = q.ask({"execute": cmd, "arguments": args})
    return a.get("return", a.get("error", {}).get("desc"))


def one(cmd, name, key):
    return [x for x in ret(cmd) if x.get(key) == name][0]


b = one("query-block", "d0", "device")
t.ok(b["qdev"].endswith("dev0/virtio-backend") and b["io-status"] == "ok" and
     b["inserted"]["image"]["virtual-size"] == 1 << 20 and
     b["inserted"]["cache"]["writeback"], "query-block", b)
t.ok(ret("blockdev-add", driver="fault", **{
    "node-name": "f0", "op": "read", "file": {
        "driver": "file", "filename": vm.path("d.img"), "locking": "off",
        "cache": {"no-flush": True}}}) == {},
     "blockdev-add with a child of its own")
nodes = {n["node-name"]: n for n in ret("query-named-block-nodes")}
t.ok(nodes["f0"]["drv"] == "fault" and
     nodes["f0"]["image"]["filename"].endswith("d.img") and "n0" in nodes,
     "query-named-block-nodes", nodes)
t.ok("Input/output error" in h.ask('qemu-io f0 "read 0 512"'),
     "the node does what its options say")
t.ok(ret("blockdev-add", driver="null-co", **{"node-name": "n0"}) ==
     "Duplicate nodes with node-name='n0'", "a name there is already")
t.ok(ret("blockdev-add", driver="qcow3", **{"node-name": "n1"}) ==
     "Unknown driver 'qcow3'", "a driver there is not")
t.ok(ret("blockdev-add", driver="null-co", colour="red",
         **{"node-name": "n1"}) is not None and
     "colour" in ret("blockdev-add", driver="null-co", colour="red",
                     **{"node-name": "n1"}), "an option there is not")
t.ok(ret("blockdev-add", driver="file", **{
    "node-name": "n1", "filename": "/nowhere.img"}) ==
     "Could not open '/nowhere.img': No such file or directory",
     "an image there is not")
t.ok("Failed to get" in ret(
    "blockdev-add", driver="file", **{
        "node-name": "n1", "filename": vm.path("d.img")}),
     "an image that is locked is named")
t.ok(ret("blockdev-del", **{"node-name": "f0"}) == {} and
     ret("blockdev-del", **{"node-name": "f0"}) ==
     "Failed to find node with node-name='f0'", "blockdev-del, twice")
t.ok(ret("block_resize", device="d0", size=2 << 20) == {} and
     os.path.getsize(vm.path("d.img")) == 2 << 20, "block_resize of a disk")
t.ok(ret("block_resize", **{"node-name": "n0", "size": 2 << 20}) == {} and
     ret("blockdev-del", **{"node-name": "n0"}) == {},
     "block_resize of a node leaves nothing that holds it")
t.ok(ret("block_resize", device="d9", size=512) ==
     "Cannot find device='d9' nor node-name=''", "a disk there is not")
t.ok(ret("block_resize", size=512) ==
     "Need exactly one of 'device' and 'node-name'", "no disk named")
zero = dict(bps=0, bps_rd=0, bps_wr=0, iops_rd=0, iops_wr=0)
t.ok(ret("block_set_io_throttle", device="d0", iops=100, iops_max=200,
         **zero) == {}, "block_set_io_throttle")
i = one("query-block", "d0", "device")["inserted"]
t.ok(i["iops"] == 100 and i["iops_max"] == 200 and i["group"] == "d0",
     "whose limits query-block has", i)
t.ok(i["drv"] == "raw" and i["image"]["format"] == "raw" and
     "(raw)" in h.ask("info block d0"), "the disk is raw still", i)
t.ok("iops=100" in h.ask("info block d0"), "and info block")
t.ok(ret("block_set_io_throttle", device="d0", iops=100,
         **dict(zero, iops_rd=5)) is not None, "limits that contradict")
t.ok(ret("object-add", id="tg", limits={"iops-total": 100}, **{
         "qom-type": "throttle-group"}) == {} and
     ret("blockdev-add", driver="throttle", file={"driver": "null-co"}, **{
         "node-name": "t0", "throttle-group": "tg"}) == {} and
     "does not exist" in ret("blockdev-add", driver="throttle", file="t0", **{
         "node-name": "t1", "throttle-group": "none"}),
     "a throttle group, a node in it and one in none")
l = "/objects/tg"
t.ok(ret("qom-set", path=l, property="limits", value={
         "iops-total-max": 300, "bps-read": 1 << 20}) == {} and
     {"iops-total": 100, "iops-total-max": 300, "bps-read": 1 << 20,
      "iops-size": 0}.items() <=
     ret("qom-get", path=l, property="limits").items(),
     "whose limits change one by one", ret("qom-get", path=l,
                                           property="limits"))
t.ok("lower than" in ret("qom-set", path=l, property="limits",
                         value={"iops-total-max": 3}) and
     "limits.colour" in ret("qom-set", path=l, property="limits",
                            value={"colour": 3}) and
     "expected: object" in ret("qom-set", path=l, property="limits", value=3),
     "but not to what is none")
t.ok("in use" in ret("object-del", id="tg") and
     ret("blockdev-del", **{"node-name": "t0"}) == {} and
     ret("object-del", id="tg") == {}, "and goes when nobody needs it")
nodes = ret("query-blockstats", **{"query-nodes": True})
t.ok(sorted(n["node-name"] for n in nodes) ==
     sorted(n["node-name"] for n in ret("query-named-block-nodes")) and
     all("device" not in n and "rd_bytes" in n["stats"] for n in nodes),
     "query-blockstats query-nodes=true lists the nodes", nodes)
with open(vm.path("r.img"), "wb") as f:
    f.truncate(1 << 20)
node = {"driver": "file", "node-name": "r0", "filename": vm.path("r.img")}
t.ok(ret("blockdev-add", **node, **{"read-only": True}) == {} and
     "read-only" in h.ask("info block -n r0").lower() and
     "Read-only" in h.ask('qemu-io r0 "write 0 512"') and
     ret("blockdev-reopen", options=[node]) == {} and
     "wrote 512/512" in h.ask('qemu-io r0 "write -P 7 0 512"') and
     ret("blockdev-reopen", options=[dict(node, **{"read-only": True})]) == {}
     and "Read-only" in h.ask('qemu-io r0 "write 0 512"') and
     "read 512/512" in h.ask('qemu-io r0 "read -P 7 0 512"'),
     "blockdev-reopen: to write, and not to", h.ask("info block -n r0"))
t.ok("expected: object" in ret("blockdev-reopen", options=[3]) and
     "option 'filename'" in ret("blockdev-reopen", options=[
         dict(node, filename="/x")]) and
     ret("blockdev-del", **{"node-name": "r0"}) == {},
     "but not to another image")
s = one("query-blockstats", "d0", "device")
t.ok(s["stats"]["rd_operations"] == 0 and s["stats"]["wr_bytes"] == 0 and
     "invalid_wr_operations" in s["stats"], "query-blockstats", s)
t.ok("d0: rd_bytes=0" in h.ask("info blockstats"), "info blockstats")
v = h.ask("info block -v d0")
used = os.stat(vm.path("d.img")).st_blocks * 512
t.ok("virtual size: 2 MiB (2097152 bytes)\r\ndisk size: " in v, "info block -v", v)
t.ok(one("query-block", "d0", "device")["inserted"]["image"]["actual-size"] ==
     used and float(v.split("disk size: ")[1].split()[0]) * 1024 == used,
     "which says what the image takes on the host", (v, used))
t.ok(ret("blockdev-add", driver="null-co", **{"node-name": "n2"}) == {} and
     "n2: null-co" in h.ask("info block -n"), "info block -n")
t.ok("disk size: unavailable" in h.ask("info block -n -v n2"),
     "a node without an image takes nobody knows what")
t.ok("OK" in h.ask("drive_add 0 if=none,file=null-co://,id=d2") and
     h.ask("drive_del d2").count("\n") <= 2 and
     "Device 'd2' not found" in h.ask("drive_del d2"), "drive_add and drive_del")
pulled = "/machine/peripheral/dev0/virtio-backend"
t.ok(h.ask("drive_del d0").count("\n") <= 2 and
     h.ask("info block").split("\r\n")[1] == pulled + ": [not inserted]" and
     "inserted" not in [b for b in ret("query-block")
                        if b["qdev"] == pulled][0],
     "a disk is taken from the device that has it", h.ask("info block"))
t.ok("read failed: Input/output error" in h.ask('qemu-io -d dev0 "read 0 512"')
     and "write failed" in h.ask('qemu-io -d dev0 "write 0 512"'),
     "whose requests fail now", h.ask('qemu-io -d dev0 "read 0 512"'))
t.ok("Device 'd0' not found" in h.ask("drive_del d0") and
     "OK" in h.ask("drive_add 0 if=none,format=raw,id=d0,file=" +
                   vm.path("d.img")),
     "its name and its image are free", h.ask("info block"))
t.ok("within [0, 1000000000000000]" in
     h.ask("block_set_io_throttle d0 0-1 0 0 0 0 0"), "no limit is negative")
t.ok(ret("blockdev-add", driver="null-co", **{"node-name": "n3"}) == {} and
     h.ask("info block -n n3").count("null-co") == 2 and
     h.ask("info block n3").count("null-co") == 2 and
     h.ask("info block -n nosuch").count("\n") <= 2 and
     h.ask("info block nosuch").count("\n") <= 2,
     "info block of one node, and of none", h.ask("info block -n n3"))
with open(vm.path("e.img"), "wb") as f:
    f.truncate(1 << 20)
said = [h.ask("drive_add 0 if=none,format=raw,id=d4,node-name=n4,file=" +
              vm.path("e.img")),
        h.ask("drive_del n4"), ret("blockdev-del", **{"node-name": "n4"}),
        h.ask("qemu-io d4 length"), h.ask("drive_del d4"),
        h.ask("drive_del n4")]
t.ok("OK" in said[0] and "is in use" in said[1] and "is in use" in said[2] and
     "bytes" in said[3] and said[4].count("\n") <= 2 and
     "not found" in said[5],
     "a drive's node goes with its drive and not before",
     [x.split("\r\n")[1:] if "\r" in str(x) else x for x in said])
t.ok(h.ask("drive_del n3").count("\n") <= 2 and
     "not found" in h.ask("drive_del n3"), "drive_del of a node")
t.ok(vm.end() == 0, "it ends well")
t.done()
