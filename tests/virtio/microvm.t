#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""TAP: -M microvm with a stock Debian kernel: every virtio device over MMIO
found in the DSDT, the power button and power off without fixed hardware,
reboot; the parts -M leaves out and puts in; what a user gets wrong.
"""
import os
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guest import BOOT, O, Guest, disk_keeps, result, run_tests


def serve_once(path):
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()

    def run():
        c, _ = server.accept()
        c.sendall(b"[" + c.recv(100) + b"]")
        c.close()

    threading.Thread(target=run, daemon=True).start()


def test_devices(tmp):
    with open(tmp + "/d.img", "wb") as f:
        f.truncate(64 << 20)
    serve_once(tmp + "/v.sock_52")
    g = Guest("-M", "microvm", "-smp", "2",
              "-drive", f"file={tmp}/d.img,format=raw,id=d0",
              "-nic", "user", "-device", "virtio-rng-device",
              "-device", "virtio-balloon-device,id=b0",
              "-chardev", f"file,id=c0,path={tmp}/c0",
              "-device", "virtio-serial-device,chardev=c0",
              "-device", f"virtio-vsock-device,guest-cid=3,uds_path={tmp}/v.sock",
              tmp=tmp)
    if not result(g.wait("guest: ready"), "Debian's kernel boots on a microVM",
                  g.log + g.stderr()):
        g.end()
        return
    out = g.sh("nproc; ls /sys/bus/virtio/devices; ls /sys/bus/pci/devices "
               "2>/dev/null")
    result(out.startswith("2\n") and "virtio5" in out and "0000:" not in out,
           "two CPUs, six virtio devices, no PCI", out)
    disk_keeps(g, "disk: a file system, a checksum, fsck")
    out = g.sh("ip link set eth0 up; udhcpc -q -n -i eth0 -s /bin/lease "
               ">/dev/null 2>&1; ip -4 -o addr show dev eth0")
    result("10.0.2.15" in out, "network: DHCP", out)
    out = g.sh("dd if=/dev/hwrng bs=64 count=4 2>/dev/null | wc -c")
    result(out.startswith("256"), "entropy", out)
    g.sh("echo hello from hvc0 >/dev/hvc0")
    with open(tmp + "/c0", "rb") as f:
        text = f.read()
    result(b"hello from hvc0" in text, "console", text)
    out = g.sh("netguest vsend 52 hello")
    result("vsock answer [hello]" in out, "vsock: a host service", out)
    g.hmp("balloon 128")
    end = time.time() + 60
    while "actual=128 " not in g.hmp("info balloon") and time.time() < end:
        time.sleep(0.2)
    out = g.hmp("info balloon")
    result("actual=128 " in out, "balloon: in", out)
    out = g.sh("cat /proc/interrupts; dmesg")
    result("XT-PIC" not in out and "rtc_cmos" not in out and
           "i8042: PNP: No PS/2" in out, "no legacy devices", out)
    out = g.hmp("info mtree")
    result("virtio-mmio" in out and "i8042" not in out, "info mtree", out)
    g.sh("hexdump -n 24 /dev/input/event0 >/tmp/k & sleep 1")
    g.qmp("system_powerdown")
    result(g.until("wc -l </tmp/k", "3", 30),
           "the power button is a key press", g.text)
    result(g.end() == 0, "it powers off", g.log[-400:])


def test_reboot(tmp):
    g = Guest("-M", "microvm", tmp=tmp)
    ok = g.wait("guest: ready")
    g.start("reboot -f")
    ok = ok and g.event("SHUTDOWN", 60, reason="guest-reset")
    result(bool(ok) and g.end(None) == 0, "it reboots", g.events)


def test_legacy(tmp):
    g = Guest("-M", "microvm,rtc=on,pit=on,pic=on,i8042=on", tmp=tmp)
    ok = g.wait("guest: ready")
    out = g.sh("cat /sys/class/rtc/rtc0/name; dmesg; cat /proc/interrupts")
    result(ok and "rtc_cmos" in out and "i8042" in out,
           "rtc=on, i8042=on put them back", out)
    g.end()


def test_pcie(tmp):
    g = Guest("-M", "microvm,pcie=on", "-device", "virtio-rng-pci",
              "-device", "virtio-rng-device", tmp=tmp)
    ok = g.wait("guest: ready")
    out = g.sh("ls /sys/bus/pci/devices /sys/bus/virtio/devices; cat "
               "/sys/class/misc/hw_random/rng_available")
    result(ok and "0000:00:01.0" in out and "virtio1" in out,
           "pcie=on gives it PCI beside MMIO", out)
    g.end()


def refused(words, *options):
    p = subprocess.run([O + "/mote", "-accel", "tcg", "-m", "64",
                        "-nodefaults", "-display", "none",
                        "-kernel", BOOT + "/vmlinuz", *options],
                       stdin=subprocess.DEVNULL, capture_output=True,
                       timeout=60)
    lines = p.stderr.decode().strip().split("\n")
    return p.returncode != 0 and words in lines[0] and len(lines) == 1, lines


def test_mistakes(tmp):
    ok, why = refused("'colour'", "-M", "microvm,colour=red")
    result(ok, "an unknown machine property is named", why)
    ok, why = refused("isa-serial", "-M", "pc,isa-serial=off")
    result(ok, "and one of another machine", why)
    ok, why = refused("PCI", "-M", "microvm", "-device", "virtio-rng-pci")
    result(ok, "a PCI device without PCI is refused", why)


run_tests(test_devices, test_reboot, test_legacy, test_pcie, test_mistakes)
