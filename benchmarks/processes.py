"""What a process and its children hold, as /proc tells: memory, file descriptors, threads."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Held:
    """By one process or several."""

    rss_kb: int = 0
    """Resident, what it shares with others counted in full."""
    fds: int = 0
    threads: int = 0

    def __add__(self, other: Held) -> Held:
        return Held(self.rss_kb + other.rss_kb, self.fds + other.fds, self.threads + other.threads)


@dataclass(frozen=True, slots=True)
class Family:
    """A process and all that descend from it, at one moment."""

    own: Held
    children: Held
    count: int
    """Children that live."""
    zombies: int
    """Children that ended and that nobody has fetched."""


def family(pid: int) -> Family:
    """Raises OSError where the process itself has ended; a child that ends meanwhile is none."""
    own, held, count, zombies = _held(pid), Held(), 0, 0
    for child, state in descendants(pid).items():
        if state == "Z":
            zombies += 1
            continue
        with suppress(OSError):
            held += _held(child)
            count += 1
    return Family(own, held, count, zombies)


def descendants(pid: int) -> dict[int, str]:
    """The state letter (R, S, D, Z, ...) of each process that descends from this one."""
    parents, states = {}, {}
    for entry in PROC.iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                # The name before the last ")" may hold spaces and brackets.
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                parents[int(entry.name)], states[int(entry.name)] = int(parent), state
    found: dict[int, str] = {}
    known = {pid}
    while known:
        known = {child for child, parent in parents.items() if parent in known}
        found |= {child: states[child] for child in known}
    return found


def _held(pid: int) -> Held:
    status = {}
    for line in (PROC / str(pid) / "status").read_text().splitlines():
        key, _, value = line.partition(":")
        status[key] = value
    return Held(
        int(status.get("VmRSS", "0").split()[0]),
        sum(1 for _ in (PROC / str(pid) / "fd").iterdir()),
        int(status["Threads"]),
    )
