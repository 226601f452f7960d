"""Is it alive, is it ready, and if not, why: pure bookkeeping, asked by whoever serves it.

A part that works says so by `progress`; one that does not declares why. Alive is what is
working or recovering as declared; a part that says it is well and does nothing is neither.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from edgefer.timing import clock as real_clock

State = Literal["starting", "ok", "recovering", "failed"]
STATES: tuple[State, ...] = get_args(State)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a part stands, and since when on the clock of its Health."""

    state: State
    reason: str
    """Why it is not ok; "" where it is, or nobody said."""
    since: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """Yes, or no with a reason for each part in the way."""

    good: bool
    reasons: tuple[str, ...]
    notes: tuple[str, ...] = ()
    """What is not in the way, and yet not as it should be."""


class Part:
    """One named part. Any thread may call any method; `Health.part` makes it."""

    def __init__(
        self,
        name: str,
        clock: Callable[[], float],
        *,
        needed: bool,
        patience: float | None,
        allowed: float | None,
    ) -> None:
        self.name, self.needed = name, needed
        self._clock = clock
        self._patience, self._allowed = patience, allowed
        # Each is replaced whole: a reader in another thread sees the old or the new.
        self._standing = Standing("starting", "", clock())
        self._progressed = self._standing.since

    @property
    def standing(self) -> Standing:
        return self._standing

    def report(self, state: State, reason: str = "") -> None:
        """Declare a state. The same state keeps its `since`, with a newer reason."""
        before, now = self._standing, self._clock()
        if (state, reason) == (before.state, before.reason):
            return
        since = before.since if state == before.state else now
        self._standing = Standing(state, reason, since)
        if state == "ok" and before.state != "ok":
            self._progressed = now  # its patience begins here, not when it last worked

    def progress(self, ago: float = 0.0) -> None:
        """Something was done just now, or so many seconds ago. It does not end a declared state:
        `report` does."""
        self._progressed = max(self._progressed, self._clock() - ago)

    def stuck(self) -> str:
        """Why it is not alive, or "" where it is."""
        standing, now = self._standing, self._clock()
        if standing.state == "failed":
            return standing.reason or "failed"
        if standing.state == "ok":
            idle = now - self._progressed
            if self._patience is not None and idle > self._patience:
                return f"no progress for {idle:.1f} s; {self._patience:g} s are allowed"
            return ""
        spent = now - standing.since
        if self._allowed is not None and spent > self._allowed:
            why = f" ({standing.reason})" if standing.reason else ""
            return f"{standing.state} for {spent:.1f} s{why}; {self._allowed:g} s are allowed"
        return ""

    def lacking(self) -> str:
        """Why it is not ready, or "" where it is."""
        standing = self._standing
        if standing.state == "ok":
            return self.stuck()
        return self.stuck() or standing.reason or standing.state


class Health:
    """All parts. `clock` is monotonic seconds: a wall clock's jump is no fault of a part."""

    def __init__(self, clock: Callable[[], float] = real_clock) -> None:
        self._clock = clock
        self._parts: dict[str, Part] = {}

    def part(
        self,
        name: str,
        *,
        needed: bool = True,
        patience: float | None = None,
        allowed: float | None = None,
    ) -> Part:
        """A new part, "starting".

        `needed`: without it the whole is not ready. `patience`: seconds it may be ok without
        progress; None where it has nothing to show. `allowed`: seconds it may start or recover;
        None is for ever, as a camera may be away for days.
        """
        if name in self._parts:
            raise ValueError(f"there is a part {name!r} already")
        made = Part(name, self._clock, needed=needed, patience=patience, allowed=allowed)
        self._parts = {**self._parts, name: made}
        return made

    def remove(self, name: str) -> None:
        """Forget a part, as after a reload without it."""
        self._parts = {key: part for key, part in self._parts.items() if key != name}

    @property
    def parts(self) -> tuple[Part, ...]:
        return tuple(self._parts.values())

    def live(self) -> Verdict:
        """Whether every part progressed lately or is in a declared state within its time: the
        condition of WATCHDOG=1, and of /livez."""
        return _verdict([(part.name, part.stuck()) for part in self.parts])

    def ready(self) -> Verdict:
        """Whether every needed part is ok and progressing: /readyz. Without parts it is not.
        Its notes are of the other parts, and of those that are ok with a reservation."""
        if not self._parts:
            return Verdict(False, ("nothing was started yet",))
        verdict = _verdict([(part.name, part.lacking()) for part in self.parts if part.needed])
        others = [part for part in self.parts if not part.needed]
        noted = _verdict(
            [(part.name, part.lacking()) for part in others]
            + [(p.name, p.standing.reason) for p in self.parts if p.standing.state == "ok"]
        )
        return dataclasses.replace(verdict, notes=noted.reasons)


def _verdict(faults: list[tuple[str, str]]) -> Verdict:
    reasons = tuple(f"{name}: {fault}" for name, fault in faults if fault)
    return Verdict(not reasons, reasons)
