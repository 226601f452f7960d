"""The daemon under test, seen from the outside: its log and its JSON lines as they come."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.faults.outcome import Outcome
from benchmarks.faults.shortened import section
from benchmarks.faults.tail import Seen, Tail
from benchmarks.processes import PROC, Family, descendants, family
from edgefer.timing import clock

UNIT = Path(__file__).parents[2] / "systemd" / "edgefer.service"
LOOK = 0.005
"""Seconds between two looks: how exact a time is."""
LIMIT = 30.0
"""Seconds after which what has not come counts as never."""
AFTER = 10
"""Frames after the recovery, before everything must be as it was."""

Value = TypeVar("Value")


class NeverCame(Exception):
    """What the fault should have brought about."""


class Subject:
    """One daemon after another, of one configuration; for a `with`."""

    def __init__(
        self,
        folder: Path,
        config: str,
        *,
        watchdog: float | None = None,
        environment: dict[str, str] | None = None,
        jsonl: Path | None = None,
        impatient: bool = False,
    ) -> None:
        """`config` has no [http], [daemon] or [jsonl]. Only who is `impatient` has the shortened
        patience: a loaded machine would wear it out."""
        self.folder = folder
        self.log: list[Seen] = []
        self.readings: list[Seen] = []
        self._config, self._watchdog, self._environment = config, watchdog, environment
        self._jsonl = jsonl
        self._service = section("daemon") if impatient else "[daemon]\n"
        self._starts = 0
        self._ended = threading.Event()
        self._before: Family | None = None
        self._start()

    def _start(self) -> None:
        from tests.daemons import Daemon  # a driver of the tests, which want pytest

        place = self.folder / f"start-{self._starts}"
        self._starts += 1
        place.mkdir()
        jsonl = self._jsonl or place / "lines.jsonl"
        self.daemon = Daemon(
            place,
            f'{self._config}\n[jsonl]\npath = "{jsonl}"\ncontent = "readings"\n'
            f'{self._service}log = "json"\n',
            watchdog=self._watchdog,
            environment=self._environment,
        )
        self._ended = threading.Event()
        self._tail = threading.Thread(
            target=self._follow, args=(place / "log", jsonl, self._ended), daemon=True
        )
        self._tail.start()

    def _follow(self, log: Path, jsonl: Path, ended: threading.Event) -> None:
        followed = [Tail(log, self.log), Tail(jsonl, self.readings)]
        while not ended.wait(LOOK):
            for tail in followed:
                tail.look()
            self.daemon.told()  # or its socket fills, and the log says so

    def __enter__(self) -> Subject:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_following()
        self.daemon.end()

    def _stop_following(self) -> None:
        self._ended.set()
        self._tail.join()

    # --- what is waited for ----------------------------------------------------------------------

    def wait(self, found: Callable[[], Value | None], what: str, seconds: float = LIMIT) -> Value:
        """The first true value; raises NeverCame."""
        deadline, pause = clock() + seconds, threading.Event()
        while not (value := found()):
            if clock() > deadline:
                last = self.log[-1].message if self.log else "nothing"
                raise NeverCame(f"{what}: not within {seconds:g} s; the log ends: {last}")
            pause.wait(LOOK)
        return value

    def wait_said(self, words: str, since: float = 0.0) -> Seen:
        """The first line of the log, from then on, that holds these words."""
        return self.wait(
            lambda: next((s for s in self.log if s.at >= since and words in s.message), None),
            f"the log does not say {words!r}",
        )

    def wait_reading(
        self, since: float, like: Callable[[dict[str, Any]], Any] = lambda _: True
    ) -> Seen:
        """The first reading from then on; `like` such a one."""

        def found() -> Seen | None:
            return next((s for s in self.readings if s.at >= since and like(s.line)), None)

        return self.wait(found, "a reading")

    def steady(self, frames: int = AFTER) -> None:
        """Wait until it is ready and frames come, and note how it stands."""
        self.daemon.wait_ready()
        begun = len(self.readings)
        self.wait(lambda: len(self.readings) >= begun + frames, f"{frames} frames")
        self.wait(self._good, "ready and alive")
        self._before = family(self.daemon.process.pid)

    def before(self, sequence: int) -> float:
        """When the last frame of a lower number came: just before a fault that has a number."""
        return [seen.at for seen in self.readings if seen.line["sequence"] < sequence][-1]

    # --- what is done to it ----------------------------------------------------------------------

    def child(self, words: str) -> int:
        """The process below it whose command line has these words."""

        def found() -> int | None:
            for pid in descendants(self.daemon.process.pid):
                try:
                    command = (PROC / str(pid) / "cmdline").read_text()
                except OSError:
                    continue
                if words in command:
                    return pid
            return None

        return self.wait(found, f"a child {words}")

    def again(self) -> None:
        """What systemd does, by the words of our unit: waits for its end, and starts it again,
        unless its exit status forbids that."""
        self.wait(lambda: self.daemon.process.poll() is not None, "the daemon's end")
        code = self.daemon.process.returncode
        if code in (0, *_unit("RestartPreventExitStatus")):
            raise NeverCame(f"systemd starts nothing again that ended with {code}")
        threading.Event().wait(_unit("RestartSec")[0])
        self._stop_following()
        self.daemon.end()
        self._start()

    def watch_as_systemd(self) -> None:
        """Wait until it has not said WATCHDOG=1 for the time given, and end it by SIGABRT."""
        assert self._watchdog is not None
        heard, count = clock(), 0
        while clock() - heard < self._watchdog:
            pings = sum("WATCHDOG=1" in message for message in self.daemon.told())
            if pings > count:
                heard, count = clock(), pings
            threading.Event().wait(LOOK)
        self.daemon.send(signal.SIGABRT)
        self.daemon.send(signal.SIGCONT)  # systemd's, too, is held back until then

    # --- what came of it -------------------------------------------------------------------------

    def outcome(
        self,
        began: float,
        noticed: Seen | None,
        recovered: tuple[float, float],
        *,
        sink: str = "",
        anew: bool = False,
    ) -> Outcome:
        """Of a fault that began then, was noticed so, and whose recovery took from `recovered[0]`
        to `recovered[1]`. `sink` counts what it lost; `anew`: the process is another."""
        readings = self.readings
        last = recovered[1]
        wrong = []
        try:
            self.wait(
                lambda: sum(seen.at >= last for seen in readings) >= AFTER, f"{AFTER} more frames"
            )
        except NeverCame as exc:
            wrong.append(str(exc))
        return Outcome(
            None if noticed is None else max(0.0, noticed.at - began) * 1000,
            max(0.0, recovered[1] - recovered[0]) * 1000,
            None if anew else self._missing(began, last),
            self._dropped(sink) if sink else None,
            "" if noticed is None else noticed.message,
            (*wrong, *self._wrong(anew)),
        )

    def longest_gap(self, since: float) -> tuple[float, float]:
        """Between two readings, from the last one before `since` on."""
        times = [seen.at for seen in self.readings]
        first = max((n for n, at in enumerate(times) if at < since), default=0)
        return max(pairwise(times[first:]), key=lambda pair: pair[1] - pair[0])

    def _missing(self, began: float, until: float) -> int:
        """Numbers left out between the last reading before, and AFTER readings after."""
        numbers = [seen.line["sequence"] for seen in self.readings]
        first = max((n for n, s in enumerate(self.readings) if s.at < began), default=0)
        end = next(n for n, s in enumerate(self.readings) if s.at >= until) + AFTER
        # A source that is opened again by the daemon counts from 0.
        return sum(b - a - 1 for a, b in pairwise(numbers[first:end]) if b > a)

    def _dropped(self, sink: str) -> int:
        page = self.daemon.get("/metrics").text
        rows = re.findall(rf'^edgefer_events_dropped_total{{.*sink="{sink}".*}} (\S+)', page, re.M)
        return sum(int(float(row)) for row in rows)

    def _good(self) -> bool:
        return self.daemon.ready() and bool(self.daemon.get("/livez").json()["good"])

    def _wrong(self, anew: bool) -> tuple[str, ...]:
        """Whatever does not become as it was before the fault."""
        wrong = []
        try:
            self.wait(self._good, "not ready", 15)
        except NeverCame:
            wrong += [f"{path}: {self.daemon.get(path).text}" for path in ("/readyz", "/livez")]
        before = self._before
        if anew or before is None:
            return tuple(wrong)

        def as_before(now: Family) -> bool:
            return (
                now.own.fds <= before.own.fds + 1  # one answer of its page may be under way
                and now.own.threads <= before.own.threads
                and now.count <= before.count
                and not now.zombies
            )

        try:
            self.wait(lambda: as_before(family(self.daemon.process.pid)), "", 10)
        except NeverCame:
            wrong.append(f"{before} has become {family(self.daemon.process.pid)}")
        return tuple(wrong)


def _unit(key: str) -> tuple[int, ...]:
    """Numbers of a setting in edgefer.service."""
    found = re.search(rf"^{key}=(.*)$", UNIT.read_text(encoding="utf-8"), re.M)
    assert found is not None
    return tuple(int(word) for word in found[1].split())
