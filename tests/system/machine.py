"""A booted Debian: real systemd, journal and users, by systemd-nspawn, without a virtual machine.

It runs as root on any Linux with systemd-container, also where no systemd runs. What happens in
it is written to memory and gone when it is switched off; its network is its own loopback. The
memory and pids controllers are this kernel's to give: where it has cgroup v1, MemoryMax= and
TasksMax= are not enforced inside.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

from tests.brokers import until, wanted

BOOTING = 60.0
"""Seconds within which it must be up."""


class Machine:
    """Switched on by `with`. Commands run as its root, in its namespaces."""

    def __init__(self, tree: Path, folder: Path) -> None:
        """`tree` stays as it is; `folder` takes the console's text."""
        self._tree, self._folder = tree, folder
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._cgroup = _unified() / f"edgefer-test-{os.getpid()}"
        self.leader = 0
        """Its process 1, as this machine numbers it."""

    def __enter__(self) -> Machine:
        nspawn = wanted("systemd-nspawn", shutil.which("systemd-nspawn"), "systemd-container")
        self._cgroup.mkdir()
        address = self._folder / "notify"
        command = [
            nspawn, "--quiet", "--boot", f"--directory={self._tree}", "--volatile=overlay",
            "--private-network", "--console=pipe", "--machine=edgefer-test",
            "--system-call-filter=bpf",  # DevicePolicy= is made with it
            # No machined is asked, and no scope of this machine's systemd: there may be none.
            "--register=no", "--keep-unit", "--notify-ready=yes",
        ]  # fmt: skip
        # Its own cgroup, so that nothing outside shares one with it; gone if we are killed.
        enter = 'echo $$ >"$0"; exec setpriv --pdeathsig KILL "$@"'
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify,
            (self._folder / "console").open("wb") as console,
        ):
            notify.bind(str(address))
            notify.settimeout(BOOTING)
            self._nspawn = subprocess.Popen(
                ["sh", "-c", enter, self._cgroup / "cgroup.procs", *command],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                env={
                    **os.environ,
                    "NOTIFY_SOCKET": str(address),
                    "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
                },
            )
            try:
                self._await_boot(notify)
            except BaseException:
                self.__exit__()
                raise
        return self

    def _await_boot(self, notify: socket.socket) -> None:
        while True:
            try:
                told = notify.recv(4096).decode()
            except TimeoutError:
                text = (self._folder / "console").read_text(errors="replace")
                raise AssertionError(f"not up after {BOOTING:g} s: {text[-3000:]}") from None
            for line in told.splitlines():
                name, _, value = line.partition("=")
                if name == "X_NSPAWN_LEADER_PID":
                    self.leader = int(value)
                if (name, value) == ("READY", "1"):
                    return

    def __exit__(self, *_: object) -> None:
        assert self._nspawn is not None
        with suppress(ProcessLookupError):
            if self.leader:
                os.kill(self.leader, signal.SIGKILL)  # and with it all that it holds
            else:
                self._nspawn.kill()
        self._nspawn.wait(30)
        until(self._cgroup_is_gone)

    def _cgroup_is_gone(self) -> bool:
        """Deepest first; busy as long as a killed process is not reaped."""
        with suppress(OSError):
            for folder in sorted(self._cgroup.rglob("*/"), reverse=True):
                folder.rmdir()
            self._cgroup.rmdir()
        return not self._cgroup.exists()

    def run(self, *command: object, check: bool = True, timeout: float = 60.0) -> str:
        """What it prints, stderr too; without `check` a failure is as good."""
        done = subprocess.run(
            ["nsenter", "--target", str(self.leader), "--all", "--", *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
        )
        assert not check or done.returncode == 0, f"{' '.join(map(str, command))}: {done.stdout}"
        return done.stdout.strip()

    def show(self, unit: str, name: str) -> str:
        """A property, as `systemctl show` prints it."""
        return self.run("systemctl", "show", "--value", f"--property={name}", unit)

    def journal(self, unit: str) -> str:
        """All that the unit, and systemd about it, has said since the machine was booted."""
        return self.run("journalctl", "--no-pager", "--output=cat", f"--unit={unit}")

    def when(self, unit: str, beginning: str) -> float:
        """The machine's monotonic seconds of the unit's newest message that begins so."""
        told = self.run("journalctl", "--no-pager", "--output=json", f"--unit={unit}")
        entries = [json.loads(line) for line in told.splitlines()]
        return max(
            int(entry["__MONOTONIC_TIMESTAMP"]) / 1e6
            for entry in entries
            if str(entry["MESSAGE"]).startswith(beginning)
        )

    def put(self, path: str, content: str | bytes, mode: int = 0o644, group: str = "root") -> None:
        """A file of root's, with its folders."""
        assert path.startswith("/")
        inside = self._root / path[1:]
        inside.parent.mkdir(parents=True, exist_ok=True)
        inside.write_bytes(content.encode() if isinstance(content, str) else content)
        inside.chmod(mode)
        self.run("chgrp", group, path)

    def lines(self, path: str) -> list[str]:
        """Those of a text file, the unfinished last one left out; none of an absent file."""
        file = self._root / path[1:]
        return file.read_text().split("\n")[:-1] if file.exists() else []

    @property
    def _root(self) -> Path:
        return Path(f"/proc/{self.leader}/root")


def _unified() -> Path:
    """Where cgroup v2 is mounted, alone or beside v1."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        if " - cgroup2 " in line:
            return Path(line.split()[4])
    raise AssertionError("this kernel has no cgroup v2, and systemd none to run services in")
