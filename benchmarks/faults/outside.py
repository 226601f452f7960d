"""What those do to whom the daemon tells: a broker, a receiver of webhooks, a disk."""

from __future__ import annotations

import os
import resource
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.faults.camera import PEOPLE
from benchmarks.faults.fault import Fault
from benchmarks.faults.outcome import Outcome
from benchmarks.faults.shortened import section
from benchmarks.faults.subject import Subject
from benchmarks.receivers import Ear, Hook
from edgefer.timing import clock

AWAY = 2.0
"""Seconds that the cause lasts after it was noticed."""
DISK = 192 * 1024
"""Bytes of the disk that fills."""


def _wait_away() -> None:
    threading.Event().wait(AWAY)


def _broker_gone(folder: Path) -> Outcome:
    from tests.brokers import Broker

    with (
        Broker(folder, "allow_anonymous true") as broker,
        Subject(folder, PEOPLE + mqtt(broker.port)) as subject,
    ):
        subject.wait_said("mqtt: connected")
        subject.steady()
        began = clock()
        broker.kill()
        noticed = subject.wait_said("trying again", began)
        _wait_away()
        broker.start()
        back = clock()
        with Ear(broker.port) as ear:
            subject.wait(lambda: ear.count, "a message")
            return subject.outcome(began, noticed, (back, ear.first), sink="mqtt")


def _broker_slow(folder: Path) -> Outcome:
    from tests.brokers import Broker, SlowWire

    with (
        Broker(folder, "allow_anonymous true") as broker,
        SlowWire(broker.port, 1e6) as wire,
        Subject(folder, PEOPLE + mqtt(wire.port)) as subject,
    ):
        subject.wait_said("mqtt: connected")
        subject.steady()
        began = clock()
        wire.rate = 20.0
        noticed = subject.wait_said("trying again", began)
        _wait_away()
        wire.rate = 1e6
        back = clock()
        connected = subject.wait_said("mqtt: connected", back)
        with Ear(broker.port) as ear:
            subject.wait(lambda: ear.count, "a message")
            resumed = max(connected.at, ear.first)
            return subject.outcome(began, noticed, (back, resumed), sink="mqtt")


def mqtt(port: int) -> str:
    place = ('host = "127.0.0.1"', f"port = {port}", 'name = "faults"')
    return section("mqtt", *place, "interval = 0.05")


def webhook(port: int) -> str:
    return section("webhook", f'url = "http://127.0.0.1:{port}/"', "attempts = 50")


def _webhook_refused(folder: Path) -> Outcome:
    first = Hook()
    with Subject(folder, PEOPLE + webhook(first.port)) as subject:
        with first:
            subject.steady()
            subject.wait(lambda: first.count, "a post")
        began = clock()
        noticed = subject.wait_said("webhook: http", began)
        _wait_away()
        back = clock()
        with Hook(first.port) as second:
            subject.wait(lambda: second.count, "a post")
            return subject.outcome(began, noticed, (back, second.first), sink="webhook")


def _disk_full(folder: Path) -> Outcome:
    with _small_disk(folder) as disk:
        path = disk.folder / "lines.jsonl"
        with Subject(folder, PEOPLE, jsonl=path) as subject:
            subject.steady()
            began = clock()
            disk.fill(subject.daemon.process.pid)
            noticed = subject.wait_said("lines are dropped", began)
            _wait_away()
            back = clock()
            disk.empty(subject.daemon.process.pid)
            resumed = subject.wait_reading(back)
            outcome = subject.outcome(began, noticed, (back, resumed.at), sink="jsonl")
            return outcome.without_lines()


class _Tmpfs:
    """A disk of DISK bytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, _: int) -> None:
        with (self.folder / "filler").open("wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(4096))
            except OSError:
                pass

    def empty(self, _: int) -> None:
        (self.folder / "filler").unlink()


class _Limit:
    """Where nothing may be mounted: RLIMIT_FSIZE, "file too large" in place of "disk full"."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, pid: int) -> None:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))

    def empty(self, pid: int) -> None:
        unlimited = resource.RLIM_INFINITY
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))


@contextmanager
def _small_disk(folder: Path) -> Iterator[_Tmpfs | _Limit]:
    place = folder / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        yield _Limit(place)
        return
    try:
        yield _Tmpfs(place)
    finally:
        subprocess.run(["umount", str(place)], check=True)


FAULTS = (
    Fault(
        "broker gone",
        f"SIGKILL to Mosquitto, started again {AWAY:g} s after it was noticed",
        "from the broker's return to the first message",
        _broker_gone,
    ),
    Fault(
        "broker slow",
        f"20 bytes a second between daemon and Mosquitto, until {AWAY:g} s after it was noticed",
        "from the end of the cause to the first message",
        _broker_slow,
    ),
    Fault(
        "webhook refused",
        f"nobody listens, until {AWAY:g} s after it was noticed",
        "from the receiver's return to the first post",
        _webhook_refused,
    ),
    Fault(
        "disk full",
        f"a tmpfs of {DISK // 1024} KiB (RLIMIT_FSIZE where nothing may be mounted) filled, "
        f"until {AWAY:g} s after it was noticed",
        "from the room to the next line",
        _disk_full,
    ),
)
