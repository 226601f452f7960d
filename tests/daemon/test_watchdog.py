from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgefer.daemon.notify import Notifier
from edgefer.daemon.watchdog import STUCK, Watchdog
from edgefer.health import Health, Part


class Systemd:
    """The other end of $NOTIFY_SOCKET."""

    def __init__(self, path: Path) -> None:
        self.address = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._notifiers: list[Notifier] = []

    def notifier(self, interval: float | None) -> Notifier:
        self._notifiers.append(Notifier(self.address, interval))
        return self._notifiers[-1]

    def hears(self) -> str:
        self._socket.settimeout(20)
        return self._socket.recv(4096).decode()

    def hears_nothing_for(self, seconds: float) -> bool:
        self._socket.settimeout(0)
        while True:  # what is still in the pipe was said before
            try:
                self._socket.recv(4096)
            except BlockingIOError:
                break
        self._socket.settimeout(seconds)
        try:
            self._socket.recv(4096)
        except TimeoutError:
            return True
        return False

    def close(self) -> None:
        for notifier in self._notifiers:
            notifier.close()
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    one = Systemd(tmp_path / "notify")
    yield one
    one.close()


def stuck_part(health: Health) -> Part:
    part = health.part("camera door", patience=0.0)
    part.report("ok")
    return part


def test_it_vouches_while_every_part_progresses(systemd: Systemd) -> None:
    health = Health()
    health.part("camera door").report("ok")
    dog = Watchdog(health, systemd.notifier(0.3), patience=60)
    dog.started()
    dog.start()
    assert systemd.hears() == "WATCHDOG=1"
    assert systemd.hears() == "WATCHDOG=1"
    dog.stop()


def test_it_is_silent_while_a_part_is_stuck_and_says_which(
    systemd: Systemd, caplog: pytest.LogCaptureFixture
) -> None:
    health = Health()
    part = stuck_part(health)
    dog = Watchdog(health, systemd.notifier(0.15), patience=60)
    dog.started()
    dog.start()
    assert systemd.hears_nothing_for(0.5)
    assert "camera door: no progress" in caplog.text
    part.report("recovering", "declared")
    assert systemd.hears() == "WATCHDOG=1"
    dog.stop()


def test_it_asks_for_more_time_until_everything_has_started(systemd: Systemd) -> None:
    health = Health()
    health.part("engine")
    dog = Watchdog(health, systemd.notifier(0.15), patience=60)
    dog.start()
    heard = {systemd.hears() for _ in range(4)}
    assert heard == {"WATCHDOG=1", "EXTEND_TIMEOUT_USEC=30000000"}
    dog.started()
    while systemd.hears() != "WATCHDOG=1" or systemd.hears() != "WATCHDOG=1":
        pass  # one more request may have been on its way
    assert {systemd.hears() for _ in range(4)} == {"WATCHDOG=1"}
    dog.stop()


@pytest.mark.parametrize("interval", [None, 0.15])
def test_alone_it_ends_a_process_that_stays_stuck_and_leaves_that_to_systemd_otherwise(
    interval: float | None, systemd: Systemd, capfd: pytest.CaptureFixture[str]
) -> None:
    ended, codes = threading.Event(), []

    def end(code: int) -> None:
        codes.append(code)
        ended.set()

    health = Health()
    stuck_part(health)
    dog = Watchdog(health, systemd.notifier(interval), patience=0.1, exit_=end)
    dog.start()
    if interval is None:
        assert ended.wait(10)
        dog.stop()
        assert set(codes) == {STUCK}
        assert "watchdog.py" in capfd.readouterr().err  # the stacks
    else:
        assert not ended.wait(1)
        dog.stop()
