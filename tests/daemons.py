"""The real daemon in a process of its own, with a stand-in for systemd at its other end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx

from edgefer.timing import clock

PATIENCE = 60.0
"""Seconds for what takes one on an idle machine."""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def wait_for(condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """The condition's value once it is true; AssertionError with `what` after `seconds`."""
    deadline = clock() + seconds
    while not (value := condition()):
        assert clock() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.02)
    return value


class Daemon:
    """`edgefer daemon` with this configuration; `config` may be changed and reloaded.

    Logs are JSON, HTTP is on a free port, and readings and events go to `jsonl` unless the
    configuration says otherwise. Kill it with `end`.
    """

    def __init__(
        self,
        folder: Path,
        config: str,
        *,
        watchdog: float | None = None,
        environment: dict[str, str] | None = None,
        mode: int = 0o600,
        under: Sequence[str] = (),
    ) -> None:
        """`under`: a command that becomes the one behind it, such as strace -D."""
        self.port, self.folder = free_port(), folder
        self.path, self.jsonl = folder / "edgefer.toml", folder / "lines.jsonl"
        self._stderr = folder / "log"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "notify"))
        self._socket.setblocking(False)
        self._told: list[str] = []
        self.write(config)
        self.path.chmod(mode)
        env = {**os.environ, "NOTIFY_SOCKET": str(folder / "notify"), **(environment or {})}
        if watchdog is not None:
            env["WATCHDOG_USEC"] = str(round(watchdog * 1e6))
        with self._stderr.open("wb") as stderr:
            self.process = subprocess.Popen(
                [*under, sys.executable, "-m", "edgefer", "daemon", "--config", str(self.path)],
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                env=env,
            )

    def write(self, config: str) -> None:
        """The configuration of the next start or reload."""
        if "[http]" not in config:
            config += f"\n[http]\nport = {self.port}\n"
        if "[daemon]" not in config:
            config += '\n[daemon]\nlog = "json"\n'
        if "[jsonl]" not in config:
            config += f'\n[jsonl]\npath = "{self.jsonl}"\ncontent = "both"\n'
        self.path.write_text(config)
        self.path.chmod(0o600)

    def told(self) -> list[str]:
        """Everything that systemd was told so far."""
        while True:
            try:
                self._told.append(self._socket.recv(65536).decode())
            except BlockingIOError:
                return self._told

    def wait_ready(self) -> None:
        def ready() -> bool:
            assert self.process.poll() is None, self.text()
            return any(message.startswith("READY=1") for message in self.told())

        wait_for(ready, "READY=1")

    def text(self) -> str:
        """Its log, as it is."""
        return self._stderr.read_text()

    def log(self) -> list[dict[str, Any]]:
        """Its log's complete lines."""
        lines = self.text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.startswith("{") and line[-1] == "\n"]

    def said(self, words: str) -> bool:
        """Whether a line of the log has these words."""
        return any(words in line["message"] for line in self.log())

    def lines(self) -> list[dict[str, Any]]:
        """What it wrote to `jsonl`."""
        if not self.jsonl.exists():
            return []
        whole = self.jsonl.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in whole if line[-1] == "\n"]

    def readings(self, camera: str = "camera") -> list[dict[str, Any]]:
        return [line for line in self.lines() if "ms" in line and line["camera"] == camera]

    def events(self) -> list[dict[str, Any]]:
        return [line for line in self.lines() if "event" in line]

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=20)

    def ready(self) -> bool:
        return self.get("/readyz").status_code == 200

    def wait_frames(self, more: int = 10, camera: str = "camera") -> None:
        """Until so many readings have come on top of what there is."""
        least = len(self.readings(camera)) + more
        wait_for(lambda: len(self.readings(camera)) >= least, f"{more} frames of {camera}")

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Ask it to end; the seconds that it took."""
        began = clock()
        self.send(number)
        self.process.wait(PATIENCE)
        return clock() - began

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._socket.close()
