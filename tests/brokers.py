"""A real Mosquitto on a loopback port, what connects to it, and certificates made for a test."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from edgefer.timing import clock

MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def wanted(program: str, found: str | None, package: str) -> str:
    """The program's path; without it the test is skipped, except in CI, where it must be there."""
    if found is None:
        reason = f"{program} is not installed: apt-get install {package}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Come back when it holds; fails after `seconds`."""
    deadline = clock() + seconds
    pause = threading.Event()
    while not condition():
        assert clock() < deadline, f"not true within {seconds} s"
        pause.wait(0.005)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


class Broker:
    """Mosquitto, with `lines` in its configuration; `kill` and `start` at will."""

    def __init__(self, folder: Path, *lines: str, listener: str = "") -> None:
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        self._log = folder / "mosquitto.log"
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\n{listener}\nuser root\n" + "\n".join(lines) + "\n"
        )
        self._program = wanted("mosquitto", MOSQUITTO, "mosquitto")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Broker:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "-c", str(self._config)], stdout=log, stderr=log
            )
        until(self._answers)
        return self

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Broker:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()


class SlowWire:
    """A TCP proxy that lets `bytes_per_second` of a client's bytes through; answers come
    unhindered. `dead` stops it altogether, without closing anything; `rate` may be changed."""

    def __init__(self, port: int, bytes_per_second: float) -> None:
        self._to, self.rate = port, bytes_per_second
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.dead = threading.Event()
        self._closed = threading.Event()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            self._open.append(client)
            # A small window, so that what is not let through stays with the sender.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            try:
                broker = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                client.close()
                continue
            self._open.append(broker)
            for ends in ((client, broker, True), (broker, client, False)):
                threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, slow: bool) -> None:
        with suppress(OSError):
            while data := source.recv(256 if slow else 4096):
                if self.dead.is_set():
                    self._closed.wait()
                    return
                if slow:
                    self._closed.wait(len(data) / self.rate)
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> SlowWire:
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        for end in (self._server, *self._open):
            end.close()


class Authority:
    """A certificate authority of the test's own, by the openssl program."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._openssl = wanted("openssl", shutil.which("openssl"), "openssl")
        self.certificate = folder / "ca.crt"
        self._key = folder / "ca.key"
        self._run(
            *[
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "2",
            ],
            *("-subj", "/CN=test authority", "-keyout", self._key, "-out", self.certificate),
        )

    def issue(self, name: str, host: str = "localhost") -> tuple[Path, Path]:
        """A certificate for `host`, and its key."""
        key, asked, certificate, more = (
            self._folder / f"{name}.{end}" for end in ("key", "csr", "crt", "ext")
        )
        self._run(
            *["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
            *("-subj", f"/CN={name}", "-keyout", key, "-out", asked),
        )
        more.write_text(f"subjectAltName=DNS:{host}\n")
        self._run(
            *("x509", "-req", "-in", asked, "-CA", self.certificate, "-CAkey", self._key),
            *("-CAcreateserial", "-days", "2", "-extfile", more, "-out", certificate),
        )
        ssl.create_default_context(cafile=str(self.certificate))  # it is one
        return certificate, key

    def _run(self, *args: object) -> None:
        subprocess.run([self._openssl, *map(str, args)], check=True, capture_output=True)
