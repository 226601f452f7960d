"""One fault: its name, what is really done, and how its recovery is measured."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.faults.outcome import Outcome, Row
from benchmarks.faults.subject import NeverCame

FROM_THE_FAULT = "from the fault to the next frame"
FROM_ITS_END = "from the end of the cause to the next frame"
LONGEST_GAP = "the longest time without a frame"


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    how: str
    recovered: str
    once: Callable[[Path], Outcome]
    """Does it to a daemon of its own, in an empty folder; raises NeverCame."""
    alone: bool = False
    """Done to one daemon at a time: it is the whole machine's."""

    def run(self, folder: Path, repeats: int) -> Row:
        """All repeats side by side, as they spend their time waiting."""
        places = [folder / f"{self.name} {n}".replace(" ", "-") for n in range(repeats)]
        with ThreadPoolExecutor(1 if self.alone else repeats) as pool:
            outcomes = tuple(pool.map(self._attempt, places))
        return Row(self.name, self.how, self.recovered, outcomes)

    def _attempt(self, place: Path) -> Outcome:
        place.mkdir()
        try:
            return self.once(place)
        # AssertionError: what the tests' drivers wait for in vain; HTTPError: no daemon answers.
        except (NeverCame, AssertionError, httpx.HTTPError) as exc:
            return Outcome(None, None, None, None, "", (f"{type(exc).__name__}: {exc}",))
