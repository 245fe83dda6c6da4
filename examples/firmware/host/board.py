"""A board in QEMU, and servers for the other end of its serial line."""

import atexit
import hashlib
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

CHALLENGE = "secret123"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Process:
    """A program that runs beside, with its output in a file."""

    def __init__(self, command, log, ready, cwd=None):
        self.log = Path(log)
        with open(log, "wb") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output, cwd=cwd)
        # also when a check ends in an exception
        atexit.register(self.stop)
        for _ in range(200):
            if self.process.poll() is None and ready(self):
                return
            time.sleep(0.05)
        self.stop()
        raise SystemExit(f"firmware: {command[0]} did not start: {self.log.read_text()}")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Server:
    """`examples/server` of this repository."""

    def __init__(self, program, folder, *options):
        self.program, self.folder, self.port = program, Path(folder), free_port()
        self.folder.mkdir(parents=True)
        command = [program, "--listen", f"127.0.0.1:{self.port}", "--dir", str(self.folder / "ca")]
        command += ["--challenge", CHALLENGE, "--refusals-per-minute", "0", *options]
        started = lambda process: "ready " in process.log.read_text()
        self.process = Process(command, self.folder / "log", started)
        self.ca = self.folder / "ca" / "ca.pem"

    def issued(self):
        """How many certificates it issued until now."""
        command = [self.program, "list", "--dir", str(self.folder / "ca"), "--certificates"]
        return len(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines())

    def stop(self):
        self.process.stop()


class Micromdm:
    """`scepserver` of micromdm, Debian package `scep`: answers in SHA-1 and DES, and never with PENDING."""

    def __init__(self, folder):
        self.folder, self.port = Path(folder), free_port()
        self.folder.mkdir(parents=True)
        init = ["scepserver", "ca", "-init", "-depot", "depot", "-keySize", "2048", "-key-password", "x"]
        subprocess.run(init, cwd=self.folder, check=True, capture_output=True)
        command = ["scepserver", "-depot", "depot", "-capass", "x", "-port", str(self.port), "-challenge", CHALLENGE]
        command += ["-allowrenew", "0", "-crtvalid", "30"]
        self.process = Process(command, self.folder / "log", lambda _: answers(self.port), cwd=self.folder)
        self.ca = self.folder / "depot" / "ca.pem"

    def stop(self):
        self.process.stop()


class Run:
    """What one start of the board brought."""

    def __init__(self, code, text):
        self.code, self.text = code, text
        self.figures = {name: int(number) for name, number in re.findall(r"^([a-z-]+): (\d+)$", text, re.M)}


class Board:
    """A board with its memory, which outlives the power: a folder."""

    def __init__(self, qemu, image, folder, server, challenge=CHALLENGE, seed=b"seed"):
        self.qemu, self.image, self.folder, self.port = qemu, image, Path(folder), server.port
        self.folder.mkdir(parents=True)
        der = subprocess.run(
            ["openssl", "x509", "-in", server.ca, "-outform", "DER"], check=True, capture_output=True
        ).stdout
        (self.folder / "pin").write_bytes(hashlib.sha256(der).digest())
        (self.folder / "challenge").write_text(challenge)
        (self.folder / "seed").write_bytes(hashlib.sha256(seed).digest())
        self.ca = server.ca

    def start(self, *options, exact=False, image=None, element=None, port=None, cut=None):
        """Power on, until the program ends or the event `cut` is set. `exact`: instructions are counted, 64 ns each."""
        arguments = ",".join(f"arg={option}" for option in ("firmware", *options))
        command = [*self.qemu, "-nodefaults", "-display", "none", "-monitor", "none"]
        command += ["-M", "mps2-an386", "-kernel", str(image or self.image)]
        command += ["-semihosting-config", f"enable=on,target=native,{arguments}"]
        command += ["-icount", "shift=6"] if exact else []
        # with `reconnect` QEMU connects later than the board starts: for lines that break only
        line0 = f"port={port or self.port}" + (",reconnect=1" if port and not cut else "")
        lines = [f"socket,id=line0,host=127.0.0.1,server=off,{line0}", "stdio,id=line1"]
        lines += [f"socket,id=line2,host=127.0.0.1,port={element},server=off"] if element else []
        for number, line in enumerate(lines):
            command += ["-chardev", line, "-serial", f"chardev:line{number}"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, cwd=self.folder, **pipes) as process:
            try:
                if cut and cut.wait(60):
                    process.kill()
                text = process.communicate(timeout=300)[0]
            finally:
                process.kill()
        return Run(process.returncode, text.decode(errors="replace"))

    def certificate(self):
        """Checks the certificate that the board stored, and gives its public key."""
        record = self.folder / "certificate"
        der = record.read_bytes()[8:]
        pem = self.folder / "certificate.pem"
        convert = ["openssl", "x509", "-inform", "DER", "-out", str(pem)]
        subprocess.run(convert, input=der, check=True, capture_output=True)
        verify = ["openssl", "verify", "-CAfile", str(self.ca), str(pem)]
        subprocess.run(verify, check=True, capture_output=True)
        shown = subprocess.run(
            ["openssl", "x509", "-in", str(pem), "-noout", "-pubkey"], check=True, capture_output=True
        ).stdout
        form = ["openssl", "pkey", "-pubin", "-outform", "DER"]
        return subprocess.run(form, input=shown, check=True, capture_output=True).stdout
