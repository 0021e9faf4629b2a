#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""TAP: PCI devices come and go under a stock Debian kernel: by ACPI, under
I/O, at the guest's own wish, again and again, and by surprise where no ACPI
runs; what a user gets wrong.
"""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guest import Guest, result, run_tests


def gone(g, ident, limit=60):
    return g.event("DEVICE_DELETED", limit, device=ident)


def plug_disk(g, ident, path):
    """One disk more; the answer when something is wrong."""
    out = g.hmp(f"drive_add 0 if=none,id=n-{ident},file={path},format=raw")
    if "OK" not in out:
        return out
    r = g.qmp("device_add", driver="virtio-blk-pci", id=ident,
              drive="n-" + ident)
    return r if "error" in r else None


def unplug_disk(g, ident):
    """The disk goes, and its drive with it."""
    g.qmp("device_del", id=ident)
    return bool(gone(g, ident)) and "n-" + ident not in g.hmp("info block")


def moved(g, drive):
    """Bytes read from a drive or node, and written to it."""
    for d in g.ask("query-blockstats"):
        if drive in (d.get("device"), d.get("node-name")):
            return d["stats"]["rd_bytes"], d["stats"]["wr_bytes"]
    return 0, 0


def keep_busy(g, drive):
    """Read all of /dev/vda and write its second half, until it fails; true
    when both are on their way.  The writer has it open: no file of that name
    can come to be when the disk goes between two of its rounds."""
    g.sh("rm -f /tmp/over; dmesg -n 1; "
         "(while dd if=/dev/vda of=/dev/null bs=64k iflag=direct; do :; done; "
         "echo reader >>/tmp/over) 2>/dev/null & "
         "(exec 3<>/dev/vda; while dd if=/dev/zero of=/proc/self/fd/3 bs=64k "
         "seek=256 count=256 oflag=direct; do :; done; "
         "echo writer >>/tmp/over) 2>/dev/null & echo started")
    end = time.time() + 60
    while time.time() < end:
        a = moved(g, drive)
        time.sleep(0.1)
        b = moved(g, drive)
        if 0 < a[0] < b[0] and 0 < a[1] < b[1]:
            return True
    return False


def test_busy(tmp):
    """A disk goes while it is read and written; again and again."""
    path = tmp + "/d.img"
    with open(path, "wb") as f:
        f.truncate(32 << 20)
    g = Guest("-smp", "2", tmp=tmp)
    busy = left = over = same = 0
    ok = g.wait("guest: ready")
    for i in range(4):
        ok = ok and not plug_disk(g, "d", path) and \
            g.until("ls /dev/vda", "/dev/vda\n")
        if i == 0:
            g.sh("dd if=/dev/urandom of=/tmp/r bs=64k count=16 2>/dev/null; "
                 "dd if=/tmp/r of=/dev/vda bs=64k conv=fsync 2>/dev/null")
        out = g.sh("dd if=/dev/vda bs=64k count=16 2>/dev/null | "
                   "cmp - /tmp/r && echo same")
        same += out == "same\n"
        busy += ok and keep_busy(g, "n-d")
        left += unplug_disk(g, "d")
        over += g.until("sort /tmp/over", "reader\nwriter\n")
    result(ok and busy == 4, "a disk comes and is read and written",
           f"{ok} {busy}")
    result(left == 4, "it goes under I/O, and its drive with it",
           f"{left} {g.events}")
    result(over == 4, "what read and wrote hears of it", over)
    result(same == 4, "when it comes back, what was flushed is there", same)
    out = g.sh("ps | grep -c '[d]d if='; ls /dev/vda; dmesg | "
               "grep -c 'blocked for\\|BUG\\|WARN'")
    result(out.startswith("0\n") and out.endswith("\n0\n") and
           "No such file" in out, "nothing hangs", out)
    result(g.end() == 0, "the guest powers off")


def test_acpi(tmp):
    path = tmp + "/d.img"
    with open(path, "wb") as f:
        f.truncate(32 << 20)
    g = Guest("-smp", "2", "-device", "virtio-rng-pci,id=cold",
              "-netdev", "user,id=u1", tmp=tmp)
    if not result(g.wait("guest: ready"), "a guest with hot-plug slots boots",
                  g.log + g.stderr()):
        g.end()
        return
    out = g.sh("ls /sys/bus/pci/slots | wc -l")
    result(out.strip() == "30", "its kernel knows 30 slots", out)

    why = plug_disk(g, "d1", path)
    result(not why and g.until("ls /dev/vda", "/dev/vda\n"),
           "device_add: a disk appears", why)
    out = g.sh("ls /sys/block/vda/mq | wc -l")
    result(out.strip() == "2", "with a queue a CPU", out)
    out = g.sh("/sbin/mke2fs -q -t ext4 -F /dev/vda && mount /dev/vda /mnt && "
               "dd if=/dev/urandom of=/mnt/f bs=1M count=4 2>/dev/null && "
               "umount /mnt && echo written")
    result("written" in out, "it is written to", out)
    r = g.qmp("device_add", driver="virtio-rng-pci", id="d1")
    result("Duplicate device ID 'd1'" in r.get("error", {}).get("desc", ""),
           "a duplicate id is refused", r)
    r = g.qmp("device_add", driver="virtio-rng-pci", id="x", colour="red")
    result("colour" in r.get("error", {}).get("desc", ""),
           "an unknown property is named", r)
    r = g.qmp("device_add", driver="virtio-rng-pci", addr="1")
    result("slot 1 function 0 not available" in
           r.get("error", {}).get("desc", ""), "a taken slot is named", r)
    r = g.qmp("device_del", id="nobody")
    result("nobody" in r.get("error", {}).get("desc", ""),
           "device_del of nothing is named", r)

    result(unplug_disk(g, "d1"), "device_del: the guest ejects the disk",
           g.events)
    out = g.sh("ls /dev/vda 2>&1; ls /sys/bus/pci/devices")
    result("No such file" in out and "0000:00:02.0" not in out,
           "which is gone from the guest", out)

    g.qmp("device_add", driver="virtio-net-pci", id="e1", netdev="u1")
    ok = g.until("ls /sys/class/net", "eth0")
    out = g.sh("ip link set eth0 up; udhcpc -q -n -i eth0 -s /bin/lease "
               ">/dev/null 2>&1; ip -4 -o addr show dev eth0")
    result(ok and "10.0.2.15" in out, "a network card comes and has an address",
           out)
    g.qmp("device_del", id="e1")
    ok = gone(g, "e1")
    r = g.qmp("netdev_del", id="u1")
    result(bool(ok) and "error" not in r and
           g.until("ls /sys/class/net", "lo\n"), "and goes", r)

    for driver, more, see, words in (
            ("virtio-serial-pci", {}, "ls /sys/bus/virtio/devices", "virtio1"),
            ("virtio-balloon-pci", {}, "ls /sys/bus/virtio/drivers/"
             "virtio_balloon", "virtio1"),
            ("virtio-vsock-pci", {"guest-cid": 7, "uds_path": tmp + "/v"},
             "ls /sys/bus/virtio/drivers/vmw_vsock_virtio_transport",
             "virtio1")):
        r = g.qmp("device_add", driver=driver, id="one", **more)
        came = g.until(see, words)
        g.qmp("device_del", id="one")
        ok = gone(g, "one")
        result(came and bool(ok), f"{driver} comes and goes", r)

    g.qmp("device_del", id="cold")
    ok = gone(g, "cold")
    out = g.sh("cat /sys/class/misc/hw_random/rng_available")
    result(bool(ok) and "virtio" not in out,
           "a device that was there at first goes too", out)

    g.qmp("device_add", driver="virtio-rng-pci", id="r5", addr="5")
    g.until("cat /sys/bus/pci/slots/5/power", "1")
    g.sh("echo 0 >/sys/bus/pci/slots/5/power")
    result(bool(gone(g, "r5")), "the guest ejects a device on its own",
           g.events)

    ok = 0
    for _ in range(20):
        g.qmp("device_add", driver="virtio-rng-pci", id="again")
        ok += g.until("cat /sys/class/misc/hw_random/rng_available",
                      "virtio_rng", 30)
        g.qmp("device_del", id="again")
        ok += bool(gone(g, "again", 30))
    result(ok == 40, "twenty times over", ok)
    result(g.end() == 0, "the guest powers off")


def test_surprise(tmp):
    """A guest whose ACPI does not run is not asked."""
    path = tmp + "/d.img"
    with open(path, "wb") as f:
        f.truncate(32 << 20)
    disk = ("-blockdev", f"file,filename={path},node-name=n1", "-device",
            "virtio-blk-pci,drive=n1,id=d1")
    g = Guest(*disk, append="acpi=off", tmp=tmp)
    ok = g.wait("guest: ready")
    g.qmp("device_del", id="d1")
    result(ok and bool(gone(g, "d1")) and g.sh("echo alive") == "alive\n",
           "a kernel booted without ACPI loses a disk and goes on")
    g.qmp("quit")
    g.end(None)

    g = Guest(*disk, tmp=tmp)
    ok = g.wait("guest: ready")
    result(ok and keep_busy(g, "n1"), "a disk is in use")
    g.hmp("o/w 0xae10 0")              # pci_hotplug.c's READY register
    g.qmp("device_del", id="d1")
    result(bool(gone(g, "d1")) and g.p.poll() is None,
           "it is torn out under I/O", g.events)
    r = g.qmp("blockdev-del", **{"node-name": "n1"})
    result("error" not in r, "nothing holds its image", r)
    out = g.sh("cat /sys/bus/pci/devices/0000:00:01.0/config | hexdump -n 4")
    result("ffff ffff" in out, "the guest reads ones where it was", out)
    g.qmp("quit")
    g.end(None)


def test_reset(tmp):
    """What a guest was asked for and did not do is done at its reset."""
    g = Guest("-action", "reboot=reset", "-device", "virtio-rng-pci,id=r1",
              tmp=tmp)
    ok = g.wait("guest: ready")
    g.qmp("stop")
    g.qmp("device_del", id="r1")
    r = g.why("device_del", id="r1")
    result(ok and "already in the process of unplug" in r,
           "a second request is too early", r)
    result(not g.event("DEVICE_DELETED", 1, device="r1"),
           "a stopped guest keeps its device")
    g.qmp("system_reset")
    result(bool(gone(g, "r1", 20)), "until it is reset", g.events)
    g.qmp("quit")
    g.end(None)


def test_vmgenid(tmp):
    """On both kinds of ACPI hardware.  Debian's cloud kernel has no driver:
    the bytes and the event are looked at."""
    one = "324e6eaf-d1d1-4bf6-bf41-b9bb6c91fb87"
    for machine, count in (
            ("pc", "sed -n 's/ .*//p' /sys/firmware/acpi/interrupts/gpe05; "
             "cat /sys/firmware/acpi/interrupts/gpe05"),
            ("microvm", "grep ACPI:Ged /proc/interrupts")):
        g = Guest("-M", machine, "-device", f"vmgenid,guid={one},id=gen",
                  tmp=tmp)
        ok = g.wait("guest: ready")
        out = g.sh("cat /sys/bus/acpi/devices/MOTE0001:00/path; "
                   "devmem 0xe7000; devmem 0xe700c")
        result(ok and "VGEN" in out and "0x324E6EAF" in out and
               "0x87FB916C" in out, f"{machine}: the id is in memory", out)
        result(g.hmp("info vm-generation-id").strip() == one and
               g.ask("query-vm-generation-id") == {"guid": one},
               f"{machine}: the monitor knows the id")
        before = g.sh(count)
        g.qmp("qom-set", path="gen", property="guid", value="auto")
        out = g.sh("devmem 0xe7000")
        result(g.hmp("info vm-generation-id").strip() != one and
               "0x324E6EAF" not in out, f"{machine}: a new id is there", out)
        after = g.sh("sleep 1; " + count)
        result(before != after, f"{machine}: and the guest is told",
               before + after)
        g.end()


run_tests(test_acpi, test_busy, test_surprise, test_reset, test_vmgenid)
