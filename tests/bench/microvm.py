#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boot time and memory of a microVM, beside QEMU's.

usage: microvm.py MOTE BOOTDIR INITRAMFS TINYGUEST OUT [ROUNDS]

Boot: from exec to the shell of the initramfs, -M microvm with a disk and a
network card, both under software CPUs, in turns.  The kernel is BOOTDIR's
microvm-vmlinux (tests/boot/kernel.sh) where it was built, else Debian's, which finds no clock
on QEMU's microvm with ACPI under TCG and no virtio-mmio device without: there
QEMU's guest has less to do.
Memory: what mote has resident beyond the guest's RAM with one vCPU, disk,
network card, entropy, balloon and vsock, under each accelerator there is.
"""
import os
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

MOTE, BOOT, INITRD, TINY, OUT = sys.argv[1:6]
ROUNDS = int(sys.argv[6]) if len(sys.argv) > 6 else 5
READY = b"guest: ready"
LIMIT = 30                             # seconds, of some two
QEMU = shutil.which("qemu-system-x86_64")
BUILT = BOOT + "/microvm-vmlinux"
KERNEL = BUILT if os.path.exists(BUILT) else BOOT + "/vmlinuz"
APPEND = "console=ttyS0 quiet panic=-1 mote.test=shell"


def machine(disk, extra=()):
    return ["-m", "256", "-nodefaults", "-no-reboot", "-serial", "stdio",
            "-display", "none", "-kernel", KERNEL, "-initrd", INITRD,
            "-append", APPEND, "-drive",
            f"file={disk},format=raw,if=none,id=d0",
            "-device", "virtio-blk-device,drive=d0",
            "-netdev", "user,id=n0", "-device",
            "virtio-net-device,netdev=n0", *extra]


def mote(disk, accel="tcg", board="microvm", extra=()):
    return [MOTE, "-M", board, "-accel", accel, *machine(disk, extra)]


def qemu(disk, board="microvm"):
    return [QEMU, "-M", board, "-accel", "tcg", "-cpu", "max",
            "-global", "virtio-mmio.force-legacy=false", *machine(disk)]


def start(argv):
    return subprocess.Popen(argv, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def await_shell(p, limit=LIMIT):
    text, end = b"", time.monotonic() + limit
    while READY not in text and time.monotonic() < end:
        if select.select([p.stdout], [], [], 0.5)[0]:
            got = os.read(p.stdout.fileno(), 65536)
            if not got:
                break
            text += got
    return READY in text


def stop(p):
    p.kill()
    p.communicate()


def boot_seconds(argv):
    at = time.monotonic()
    p = start(argv)
    ok = await_shell(p)
    took = time.monotonic() - at
    stop(p)
    return took if ok else None


def beyond_ram(pid):
    """Resident KiB but for the guest's RAM: all, and not of a file."""
    total, private, skipping = 0, 0, False
    with open(f"/proc/{pid}/smaps") as f:
        for line in f:
            words = line.split()
            if "-" in words[0] and not words[0].endswith(":"):
                skipping = "pc.ram" in line
            elif words[0] == "Rss:" and not skipping:
                total += int(words[1])
            elif words[0] == "Anonymous:" and not skipping:
                private += int(words[1])
    return total, private


def devices(tmp, accel):
    return ["-device", "virtio-rng-device", "-device",
            "virtio-balloon-device", "-device",
            f"virtio-vsock-device,guest-cid=3,uds_path={tmp}/v-{accel}"]


def memory_idle(accel, disk, tmp):
    """As memory(), but the guest halts at once: what the devices cost, and
    none of a translator or of an emulation the host's KVM leaves to mote."""
    argv = mote(disk, accel, extra=devices(tmp, "idle-" + accel))
    argv[argv.index("-kernel") + 1] = TINY
    at = argv.index("-initrd")
    p = start(argv[:at] + argv[at + 2:])
    got = select.select([p.stdout], [], [], 30)[0]
    time.sleep(0.5)
    out = beyond_ram(p.pid) if got and p.poll() is None else None
    stop(p)
    return out


def memory(accel, disk, tmp):
    p = start(mote(disk, accel, extra=devices(tmp, accel)))
    up = await_shell(p, LIMIT if accel == "tcg" else 60)
    out = beyond_ram(p.pid) if p.poll() is None else None
    stop(p)
    return up, out


def boots(disk, lines):
    rows = [("mote -M microvm", lambda: mote(disk)),
            ("mote -M microvm,acpi=off",
             (lambda: mote(disk, board="microvm,acpi=off"))
             if KERNEL == BUILT else None),
            ("qemu -M microvm",
             (lambda: qemu(disk)) if QEMU and KERNEL == BUILT else None),
            ("qemu -M microvm,acpi=off",
             (lambda: qemu(disk, "microvm,acpi=off")) if QEMU else None)]
    times = {name: [] for name, argv in rows if argv}
    for _ in range(ROUNDS):
        for name in times:
            times[name].append(boot_seconds(dict(rows)[name]()))
    base = None
    for name in times:
        got = [t for t in times[name] if t is not None]
        if not got:
            lines.append(f"{name:28} did not come up")
            continue
        base = base or statistics.median(got)
        lines.append(f"{name:28} {statistics.median(got):7.3f} s median, "
                     f"{min(got):7.3f} s least, "
                     f"{statistics.median(got) / base:5.2f} of mote's"
                     + (f", up {len(got)} times of {ROUNDS}"
                        if len(got) < ROUNDS else ""))
    return base


def main():
    lines = [f"exec to shell, {os.path.basename(KERNEL)}, software CPUs, "
             f"{ROUNDS} rounds"]
    with tempfile.TemporaryDirectory() as tmp:
        disk = tmp + "/d.img"
        with open(disk, "wb") as f:
            f.truncate(16 << 20)
        ok = boots(disk, lines)
        lines.append("resident beyond guest RAM: 1 vCPU, blk, net, rng, "
                     "balloon, vsock")
        for accel in ("kvm", "tcg"):
            if accel == "kvm" and not os.access("/dev/kvm", os.R_OK):
                lines.append("kvm: /dev/kvm is not there")
                continue
            idle = memory_idle(accel, disk, tmp)
            if idle:
                lines.append(f"{accel}, a guest that halts: "
                             f"{idle[0] / 1024:6.2f} MiB, "
                             f"{idle[1] / 1024:6.2f} MiB of it anonymous")
            up, rss = memory(accel, disk, tmp)
            if not rss:
                lines.append(f"{accel}: mote ended")
                continue
            lines.append(f"{accel}: {rss[0] / 1024:6.2f} MiB, "
                         f"{rss[1] / 1024:6.2f} MiB of it anonymous"
                         + ("" if up else " (a minute into its boot)"))
    text = "\n".join(lines)
    print(text)
    with open(OUT, "w") as f:
        f.write(text + "\n")
    return 0 if ok else 1


sys.exit(main())
