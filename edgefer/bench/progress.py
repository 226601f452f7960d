"""How far a benchmark is: the time that is left, and a bar that shows it on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import TextIO

from edgefer.timing import clock as real_clock

BAR, WIDTH = 20, 79

ENOUGH = 0.05
"""Of a round, from which on it tells how long one takes."""

Clock = Callable[[], float]


class Left:
    """The seconds until the end, by how long the rounds took so far: to start and warm up, and
    then to count their frames. None while that is not known."""

    def __init__(
        self, rounds: int, sustained: int = 0, seconds: float = 0.0, clock: Clock = real_clock
    ) -> None:
        """Of so many rounds, then so many runs that count for so many seconds."""
        self._rounds, self._sustained, self._seconds = rounds, sustained, seconds
        """Those that have not begun."""
        self._clock = clock
        self._long = False
        """Whether it is such a run and no round that goes on."""
        self._any = False
        self._began = 0.0
        self._counting: tuple[float, float] | None = None
        """When frames were first seen to count, and which share of them was done."""
        self._starts: list[float] = []
        self._counts: list[float] = []

    def begin(self) -> float | None:
        """A round begins, or such a run after the last of them; what began before is over."""
        now = self._clock()
        if self._any and not self._long:
            if self._counting is None:  # its frames were counted in no time
                self._starts.append(now - self._began)
            self._counts.append(_whole(now, 1.0, self._counting) if self._counting else 0.0)
        self._long = self._rounds == 0
        if self._long:
            self._sustained -= 1
        else:
            self._rounds -= 1
        self._any, self._began, self._counting = True, now, None
        return self._left(now, 0.0)

    def at(self, share: float) -> float | None:
        """So much of its frames, or of its time, is counted; 0 while it warms up."""
        now = self._clock()
        if self._counting is None and share > 0:
            self._counting = now, share
            self._starts.append(now - self._began)
        return self._left(now, share)

    def _left(self, now: float, share: float) -> float | None:
        start, count = _mean(self._starts), _mean(self._counts)
        own = self._seconds if self._long else count
        if not self._long and self._counting and share - self._counting[1] >= ENOUGH:
            own = _whole(now, share, self._counting)  # engines differ: this one's own
            count = own if count is None else count
        if start is None or count is None or own is None:
            return None
        to_start = max(0.0, start - (now - self._began)) if self._counting is None else 0.0
        return (
            to_start
            + (1 - share) * own
            + self._rounds * (start + count)
            + self._sustained * (start + self._seconds)
        )


def _whole(now: float, share: float, since: tuple[float, float]) -> float:
    """Seconds for all of it, by what was done since."""
    began, first = since
    return (now - began) / (share - first) if share > first else 0.0


def _mean(seconds: Sequence[float]) -> float | None:
    return fmean(seconds) if seconds else None


class Progress:
    """Called with what is being done and the seconds that are left, None where they are unknown:
    a line that moves on a terminal, a line for each step elsewhere; `close` clears."""

    def __init__(self, file: TextIO | None = None, clock: Clock = real_clock) -> None:
        self._file = sys.stderr if file is None else file
        self._live = self._file.isatty()
        self._clock = clock
        self._began = clock()
        self._what, self._share = "", 0.0

    def __call__(self, what: str, left: float | None) -> None:
        if self._live:
            self._write("\r" + self.line(what, left).ljust(WIDTH))
        elif what != self._what and what != "done":
            self._write(f"{what} ...\n")
        self._what = what

    def line(self, what: str, left: float | None) -> str:
        """Such as "[=====>    ] 52 %, 0:41 left  vgg16.onnx, round 2 of 5"."""
        passed = self._clock() - self._began
        if left is not None and passed + left > 0:  # the bar never goes back
            self._share = max(self._share, passed / (passed + left))
        full = round(self._share * BAR)
        time = f"{_minutes(passed)} so far" if left is None else f"{_minutes(left)} left"
        head = f"[{'=' * full}{' ' * (BAR - full)}] {100 * self._share:3.0f} %, {time}  "
        room = WIDTH - len(head)
        return head + (what if len(what) <= room else what[: room - 1] + "…")

    def close(self) -> None:
        """Nothing of the bar stays."""
        if self._live:
            self._write("\r" + " " * WIDTH + "\r")

    def _write(self, text: str) -> None:
        self._file.write(text)
        self._file.flush()


def _minutes(seconds: float) -> str:
    """With seconds, such as "4:05"."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"
