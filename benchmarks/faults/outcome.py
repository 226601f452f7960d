"""What came of a fault, once and over its repeats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from edgefer.timing import percentile


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one time."""

    noticed_ms: float | None
    """From the fault to the first line of log that tells of it, or to the reading that `said`
    names; None where there is nothing to tell, and None too where it should have been told."""
    recovered_ms: float | None
    """As the fault's `recovered` says; None where it never was."""
    frames_lost: int | None
    """Numbers that are missing in the JSON lines; None where the process began anew."""
    messages_lost: int | None
    """Counted by the sink that had the fault; None where none had."""
    said: str
    """The line of the log."""
    wrong: tuple[str, ...]
    """What was not as before, ten frames after."""

    def seen(self, seconds: float, said: str) -> Outcome:
        """The same, noticed elsewhere than in the log."""
        return replace(self, noticed_ms=seconds * 1000, said=said)

    def also_wrong(self, *what: str) -> Outcome:
        return replace(self, wrong=(*self.wrong, *what))

    def without_lines(self) -> Outcome:
        """The same, where the JSON lines themselves were lost: they tell of no frame."""
        assert self.frames_lost is not None
        assert self.messages_lost is not None
        return replace(self, frames_lost=max(0, self.frames_lost - self.messages_lost))


@dataclass(frozen=True, slots=True)
class Row:
    """All repeats of one fault."""

    name: str
    how: str
    """What was done, really."""
    recovered: str
    """From when to when its recovery is measured."""
    outcomes: tuple[Outcome, ...]

    @property
    def person_needed(self) -> bool:
        """It did not recover by itself each time, or something stayed wrong."""
        return not self.outcomes or any(o.recovered_ms is None or o.wrong for o in self.outcomes)

    def as_record(self) -> dict[str, Any]:  # Any: JSON
        return {
            **asdict(self),
            "noticed_ms": _summary([o.noticed_ms for o in self.outcomes]),
            "recovered_ms": _summary([o.recovered_ms for o in self.outcomes]),
            "frames_lost": _summary([o.frames_lost for o in self.outcomes]),
            "messages_lost": _summary([o.messages_lost for o in self.outcomes]),
            "person_needed": self.person_needed,
        }


def _summary(values: Sequence[float | None]) -> dict[str, float] | None:
    """Median and worst; None where a value is missing."""
    known = [value for value in values if value is not None]
    if len(known) < len(values) or not known:
        return None
    return {"median": percentile(known, 50), "worst": max(known)}
