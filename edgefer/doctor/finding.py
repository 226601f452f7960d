"""What a check found: one line of the page, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "problem", "unavailable"]
"""ok: as it should be. note: worth knowing. problem: something will not work, or not well.
unavailable: could not be read here, so nothing is said about it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer of a check."""

    topic: str
    name: str
    state: State
    text: str
    remedy: str = ""
    """The command that mends it, or what to do where none does; never empty for a problem."""

    def __post_init__(self) -> None:
        if self.state == "problem" and not self.remedy:
            raise ValueError(f"{self.topic}, {self.name}: a problem without a remedy")


@dataclass(frozen=True, slots=True)
class Topic:
    """Makes findings of one topic: `power.ok("clocks", "fixed")`."""

    name: str

    def ok(self, name: str, text: str) -> Finding:
        return Finding(self.name, name, "ok", text)

    def note(self, name: str, text: str, remedy: str = "") -> Finding:
        return Finding(self.name, name, "note", text, remedy)

    def problem(self, name: str, text: str, remedy: str) -> Finding:
        return Finding(self.name, name, "problem", text, remedy)

    def unavailable(self, name: str, why: str = "") -> Finding:
        text = f"unavailable: {why}" if why else "unavailable"
        return Finding(self.name, name, "unavailable", text)


def gibibytes(kib: int) -> str:
    """ "1.9 GiB" or "512 MiB", from the KiB that /proc counts in."""
    return f"{kib / 2**20:.1f} GiB" if kib >= 2**20 else f"{kib / 2**10:.0f} MiB"


def listed(names: Iterable[str]) -> str:
    """ "a, b", or "none"."""
    return ", ".join(names) or "none"
