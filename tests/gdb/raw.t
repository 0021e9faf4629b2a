#!/usr/bin/env python3
"""TAP: the gdb server over TCP, packet by packet: what gdb rarely sends."""
import os
import socket
import subprocess
import time

out = os.environ.get("O", "build")
elf = out + "/tests/guest/long.elf"
count = 0


def check(name, good, got=""):
    global count
    count += 1
    print(("ok" if good else "not ok") + f" {count} - {name}", flush=True)
    if not good:
        print(f"# got {got!r}")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Client:
    def __init__(self, port):
        for _ in range(100):
            try:
                self.s = socket.create_connection(("127.0.0.1", port), 1)
                break
            except OSError:
                time.sleep(0.05)
        self.s.settimeout(10)
        self.buf = b""

    def byte(self):
        if not self.buf:
            self.buf = self.s.recv(65536)
            if not self.buf:
                raise EOFError
        b, self.buf = self.buf[:1], self.buf[1:]
        return b

    def packet(self):
        """The next packet's payload, acknowledgements passed over."""
        while self.byte() != b"$":
            pass
        body = b""
        while (c := self.byte()) != b"#":
            body += c
        self.byte(), self.byte()
        return body.decode("latin1")

    def send(self, text):
        body = text.encode("latin1")
        self.s.sendall(b"$%s#%02x" % (body, sum(body) & 255))

    def ask(self, text):
        self.send(text)
        reply = self.packet()
        self.s.sendall(b"+")
        return reply


def start(*options):
    port = free_port()
    p = subprocess.Popen(
        [out + "/mote", "-accel", "tcg", "-m", "64", "-smp", "2",
         "-nodefaults", "-display", "none", "-monitor", "none",
         "-serial", "null", "-kernel", elf, "-gdb", f"tcp:127.0.0.1:{port}",
         *options], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return p, port


p, port = start("-S")
try:
    c = Client(port)
    check("the guest stands at first", c.ask("?").startswith("T05thread:01;"))
    c.send("qC")
    first = c.packet()
    c.s.sendall(b"-")
    check("a NAK gets the same packet again", c.packet() == first)
    c.s.sendall(b"+$qC#00")
    check("a wrong sum is refused", c.byte() == b"-")
    check("no-ack mode", c.ask("QStartNoAckMode") == "OK")
    pc = c.ask("p10")
    c.send("vCont;s:1")
    stop = c.packet()
    check("one thread steps", stop.startswith("T05thread:01;"), stop)
    check("its rip moved", c.ask("p10") != pc)
    check("another thread is chosen", c.ask("Hg2") == "OK")
    c.ask("Hg1")
    c.send("c")
    time.sleep(0.3)
    c.s.sendall(b"\x03")
    stop = c.packet()
    check("Ctrl-C stops a running guest", stop.startswith("T02thread:"), stop)
    c.send("vCont;c")
    c.s.close()
    time.sleep(0.3)
    c = Client(port)
    check("a second client gets in after the first",
          c.ask("?").startswith("T05"))
    c.s.sendall(b"$" + b"A" * 200000 + b"#00")
    c.s.sendall(b"-" * 1000 + bytes(range(4, 256)) * 10)
    c.s.close()
    time.sleep(0.2)
    c = Client(port)
    check("junk does it no harm", c.ask("qAttached") == "1")
    check("R restarts", c.ask("vRun;").startswith("T05thread:01;"))
    check("at the first instruction", c.ask("p10") == pc)
    c.send("qRcmd," + b"quit".hex())
    try:
        last = ""
        while True:
            last = c.packet()
    except (EOFError, OSError):
        pass
    check("the end of the VM is told", last == "W00", last)
    check("with its status", p.wait(10) == 0)
finally:
    p.kill()
    p.wait()
print(f"1..{count}")
