# SPDX-License-Identifier: MIT
"""A stock Debian kernel with the drivers of tests/virtio/initramfs.sh and a
shell on its console; QMP and the human monitor beside.  And TAP.

O: the build folder.  BOOT_DIR, BOOT_ACCEL: as in virtio.t.
"""
import json
import fcntl
import os
import select
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time

O = os.environ.get("O", "build")
BOOT = os.environ.get("BOOT_DIR", O + "/boot")
ACCEL = os.environ.get("BOOT_ACCEL", "tcg")
LIMIT = float(os.environ.get("BOOT_LIMIT", "240"))
count = 0


def result(ok, name, why=""):
    global count
    count += 1
    print(f"{'ok' if ok else 'not ok'} {count} - {name}", flush=True)
    if not ok and why:
        for line in str(why).split("\n")[-30:]:
            print("# " + line)
    return ok


def skip(name, why):
    global count
    count += 1
    print(f"ok {count} - {name} # SKIP {why}", flush=True)


def plan():
    print(f"1..{count}")


def until(limit, claim):
    """Wait until the claim is true; whether it became so."""
    end = time.time() + limit
    while not claim():
        if time.time() > end:
            return False
        time.sleep(0.3)
    return True


def run_tests(*tests):
    """Each test_NAME with a folder of its own; the NAMEs of the command line,
    or all; then the plan."""
    only = sys.argv[1:]
    for t in tests:
        if not only or t.__name__[5:] in only:
            with tempfile.TemporaryDirectory() as d:
                t(d)
    plan()


def disk_keeps(g, name):
    """A file system on /dev/vda whose file is the same after a remount."""
    out = g.sh("/sbin/mke2fs -q -t ext4 -F /dev/vda && mount /dev/vda /mnt && "
               "dd if=/dev/urandom of=/mnt/f bs=1M count=8 2>/dev/null && "
               "sha256sum </mnt/f >/tmp/a && umount /mnt && "
               "mount /dev/vda /mnt && sha256sum </mnt/f | cmp - /tmp/a && "
               "umount /mnt && /sbin/e2fsck -fn /dev/vda >/dev/null 2>&1 && "
               "echo disk same")
    result("disk same" in out, name, out)


class Pipes:
    """The guest's console where there is no terminal."""
    def __init__(self):
        self.popen = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}

    def started(self, p):
        self.into, self.out = p.stdin.fileno(), p.stdout.fileno()


class Terminal:
    """The guest's console on a terminal of a size, mote's own."""
    def __init__(self, cols, rows):
        self.into, self.tty = os.openpty()
        self.out = self.into
        self.size(cols, rows)
        self.popen = {"stdin": self.tty, "stdout": self.tty,
                      "start_new_session": True,
                      "preexec_fn": lambda: fcntl.ioctl(
                          0, termios.TIOCSCTTY, 0)}

    def size(self, cols, rows):
        """As when somebody drags a window's corner."""
        fcntl.ioctl(self.into, termios.TIOCSWINSZ,
                    struct.pack("HHHH", rows, cols, 0, 0))

    def started(self, p):
        os.close(self.tty)


class Guest:
    def __init__(self, *options, tmp, append="", kernel=None, initrd=None,
                 memory="256", serial="stdio", console=None):
        self.tmp = tmp
        self.console = console or Pipes()
        self.text = ""
        self.log = ""
        self.events = []
        self.qmp_in = b""
        path = tempfile.mktemp(dir=tmp, suffix=".qmp")
        self.err_path = tempfile.mktemp(dir=tmp, suffix=".err")
        with open(self.err_path, "w") as err:
            self.p = subprocess.Popen(
                [O + "/mote", "-accel", ACCEL, "-m", memory, "-nodefaults",
                 "-display", "none", "-serial", serial, "-no-reboot",
                 "-qmp", f"unix:{path},server=on,wait=off",
                 "-kernel", kernel or BOOT + "/vmlinuz",
                 "-initrd", initrd or BOOT + "/virtio.gz", "-append",
                 "console=ttyS0 quiet panic=-1 cryptomgr.notests "
                 "mote.test=shell " + append, *options],
                stderr=err, **self.console.popen)
        self.console.started(self.p)
        self.s = socket.socket(socket.AF_UNIX)
        end = time.time() + 20
        while True:
            try:
                self.s.connect(path)
                break
            except OSError:
                if time.time() > end or self.p.poll() is not None:
                    raise RuntimeError("no QMP: " + self.stderr())
                time.sleep(0.05)
        self.message(20)
        self.qmp("qmp_capabilities")

    def stderr(self):
        with open(self.err_path) as f:
            return f.read()

    def resident(self):
        """MiB of the guest's memory the host holds."""
        with open(f"/proc/{self.p.pid}/smaps_rollup") as f:
            return next(int(line.split()[1]) for line in f
                        if line.startswith("Pss_Shmem")) >> 10

    # --- the console ---

    def read(self, wait):
        r, _, _ = select.select([self.console.out], [], [], wait)
        if not r:
            return True
        try:
            got = os.read(self.console.out, 65536)
        except OSError:                # the terminal's other end closed
            return False
        text = got.decode(errors="replace").replace("\r", "")
        self.text += text
        self.log += text
        return bool(got)

    def wait(self, words, limit=None):
        end = time.time() + (limit or LIMIT)
        while words not in self.text and time.time() < end:
            if not self.read(0.2):
                break
        return words in self.text

    def start(self, command):
        """Send a line to the shell; its output gathers in self.text."""
        self.text = ""
        line = (command + "\n").encode()
        while line:
            line = line[os.write(self.console.into, line):]

    def run(self, command, words, limit=60):
        """Send a line; whether these words come.  The console echoes the
        line: it must not have them."""
        self.start(command)
        return self.wait(words, limit)

    def sh(self, command, limit=120):
        """Run a line in the guest's shell; what it printed."""
        # The console echoes the line: its markers must not be in it.
        self.start(f"echo 'be''gin'; {command}; echo 'do''ne' $?")
        if not self.wait("\ndone ", limit):
            result(False, f"the guest's shell answers: {command}", self.text)
            return f"(no answer)\n{self.text}"
        return self.text.split("\nbegin\n", 1)[-1].split("done ")[0]

    def until(self, command, words, limit=60):
        """Repeat a shell line until its output has the words."""
        end = time.time() + limit
        while True:
            out = self.sh(command)
            if words in out or time.time() > end:
                return words in out
            time.sleep(0.3)

    # --- QMP ---

    def message(self, limit):
        end = time.time() + limit
        while b"\n" not in self.qmp_in:
            left = end - time.time()
            if left <= 0 or not select.select([self.s], [], [], left)[0]:
                return None
            got = self.s.recv(65536)
            if not got:
                return None
            self.qmp_in += got
        line, self.qmp_in = self.qmp_in.split(b"\n", 1)
        return json.loads(line)

    def qmp(self, command, limit=60, **arguments):
        """The whole answer: {"return": ...} or {"error": ...}."""
        call = {"execute": command}
        if arguments:
            call["arguments"] = arguments
        self.s.sendall(json.dumps(call).encode() + b"\n")
        while True:
            m = self.message(limit)
            if m is None or "event" not in m:
                return m or {"error": {"desc": "no answer"}}
            self.events.append(m)

    def ask(self, command, **arguments):
        return self.qmp(command, **arguments).get("return")

    def why(self, command, **arguments):
        return self.qmp(command, **arguments).get("error", {}).get("desc", "")

    def hmp(self, line):
        return self.qmp("human-monitor-command",
                        **{"command-line": line}).get("return", "")

    def event(self, name, limit=60, **data):
        """Wait for an event whose data has these; it is taken."""
        end = time.time() + limit
        while True:
            for i, m in enumerate(self.events):
                if m["event"] == name and data.items() <= \
                        m.get("data", {}).items():
                    return self.events.pop(i)
            m = self.message(max(0, end - time.time()))
            if m is None:
                return None
            if "event" in m:
                self.events.append(m)

    def end(self, command="poweroff -f"):
        try:
            if command:
                self.start(command)
            end = time.time() + 60
            while self.p.poll() is None and time.time() < end:
                if not self.read(0.2):
                    time.sleep(0.1)
        except OSError:
            pass
        if self.p.poll() is None:
            self.p.kill()
        self.p.wait()
        self.s.close()
        return self.p.returncode
