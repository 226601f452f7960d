"""One machine for all of these tests, and an instance of the daemon for each."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.system.machine import Machine
from tests.system.tree import installed


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Booted, with edgefer.service enabled in its default configuration."""
    if os.geteuid() != 0:
        pytest.skip("boots a Debian with systemd-nspawn: run it as root")
    with installed() as tree, Machine(tree, tmp_path_factory.mktemp("machine")) as booted:
        yield booted


class Daemon:
    """An instance of edgefer@.service, with a configuration and a drop-in of its own."""

    def __init__(self, machine: Machine, name: str) -> None:
        self.machine, self.name, self.unit = machine, name, f"edgefer@{name}.service"
        self._lines = f"/var/lib/edgefer/{name}/readings.jsonl"

    def configure(self, url: str, more: str = "[http]\nport = 0", timeout: float = 5.0) -> None:
        """One camera at `url`, lost after `timeout`; readings as lines; and `more` sections."""
        self.write(
            f'[source]\nurl = "{url}"\ntimeout = {timeout}\nbackoff = 0.2\nbackoff_max = 0.5\n'
            f'[jsonl]\npath = "{self._lines}"\ncontent = "readings"\n'
            f"{more}\n"
        )

    def write(self, text: str) -> None:
        """The whole configuration."""
        self.machine.put(f"/etc/edgefer/{self.name}.toml", text, 0o640, "edgefer")

    def override(self, *lines: str) -> None:
        """Lines of [Service] for this instance alone."""
        folder = f"/run/systemd/system/{self.unit}.d"
        self.machine.put(f"{folder}/test.conf", "\n".join(["[Service]", *lines, ""]))
        self.machine.run("systemctl", "daemon-reload")

    def start(self) -> None:
        """Returns once it is ready; fails where it does not become so."""
        try:
            self.machine.run("systemctl", "start", self.unit)
        except AssertionError as exc:
            raise AssertionError(f"{exc}\n{self.machine.journal(self.unit)[-4000:]}") from exc

    @property
    def state(self) -> str:
        """Such as active, activating, failed."""
        return self.machine.show(self.unit, "ActiveState")

    @property
    def main_pid(self) -> int:
        """As the machine numbers it; 0 of none."""
        return int(self.machine.show(self.unit, "MainPID"))

    @property
    def restarts(self) -> int:
        return int(self.machine.show(self.unit, "NRestarts"))

    @property
    def journal(self) -> str:
        return self.machine.journal(self.unit)

    def processes(self) -> set[int]:
        """All that belong to the service, as they are numbered out here."""
        group = self.machine.show(self.unit, "ControlGroup")
        return {int(pid) for pid in self.machine.lines(f"/sys/fs/cgroup{group}/cgroup.procs")}

    def signal(self, name: str) -> None:
        """To the daemon itself, such as KILL."""
        self.machine.run("systemctl", "kill", "--kill-whom=main", f"--signal={name}", self.unit)

    def readings(self) -> list[dict[str, Any]]:
        """Those written so far."""
        return [json.loads(line) for line in self.machine.lines(self._lines)]

    def count(self) -> int:
        """How many readings were written so far."""
        return len(self.machine.lines(self._lines))


@pytest.fixture
def daemon(machine: Machine, request: pytest.FixtureRequest) -> Iterator[Daemon]:
    """Not started yet; called after its test."""
    name = re.sub(r"[^a-z]+", "-", request.node.name.removeprefix("test_")).strip("-")
    instance = Daemon(machine, name)
    yield instance
    machine.run("systemctl", "stop", instance.unit, check=False)
