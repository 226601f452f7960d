"""One fault: its name, what is really done, and how its recovery is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

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

    def run(self, folder: Path, repeats: int) -> Row:
        outcomes = []
        for n in range(repeats):
            place = folder / f"{self.name} {n}".replace(" ", "-").replace("'", "")
            place.mkdir()
            try:
                outcomes.append(self.once(place))
            except (NeverCame, AssertionError) as exc:  # what the drivers wait for in vain
                outcomes.append(Outcome(None, None, None, None, "", (str(exc),)))
        return Row(self.name, self.how, self.recovered, tuple(outcomes))
