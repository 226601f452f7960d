"""How far a benchmark is: a bar that moves on a terminal, a line for each step elsewhere."""

from __future__ import annotations

import sys
from typing import TextIO

from edgefer.timing import clock

BAR, WIDTH = 20, 79


class Progress:
    """Called with what is being done and the share of everything that is done; `close` clears."""

    def __init__(self, file: TextIO | None = None) -> None:
        self._file = sys.stderr if file is None else file
        self._live = self._file.isatty()
        self._began = clock()
        self._what = ""

    def __call__(self, what: str, share: float) -> None:
        if self._live:
            self._write("\r" + self.line(what, share).ljust(WIDTH))
        elif what != self._what and what != "done":
            self._write(f"{what} ...\n")
        self._what = what

    def line(self, what: str, share: float) -> str:
        """Such as "[=====>    ] 52 %, 0:41 left  vgg16.onnx, round 2 of 5"."""
        full = round(share * BAR)
        bar = "=" * full + " " * (BAR - full)
        head = f"[{bar}] {100 * share:3.0f} %, {_left(clock() - self._began, share)} left  "
        room = WIDTH - len(head)
        return head + (what if len(what) <= room else what[: room - 1] + "…")

    def close(self) -> None:
        """Nothing of the bar stays."""
        if self._live:
            self._write("\r" + " " * WIDTH + "\r")

    def _write(self, text: str) -> None:
        self._file.write(text)
        self._file.flush()


def _left(passed: float, share: float) -> str:
    """Minutes and seconds, by what was done so far; "?" while that says nothing."""
    if share < 0.02:
        return "   ?"
    minutes, seconds = divmod(round(passed * (1 - share) / share), 60)
    return f"{minutes}:{seconds:02}"
