"""Processor time, waits and memory of a process with its children, from /proc."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from edgefer.sensors.files import PROC, text

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process and all it started have used, at one moment."""

    cpu_seconds: float
    """User and system time of all of them, with those that ended and were waited for."""
    peak_rss_bytes: int
    """The sum of each living one's own peak since it began. Pages that they share count in each,
    and the peaks need not fall together: never less than was held at once."""
    processes: int
    waited: Mapping[int, float] | None
    """Seconds that each living thread, by its number, was ready to run and had no processor. None
    where the kernel does not show it (CONFIG_SCHED_INFO)."""


def usage(pid: int | None = None, without: Collection[int] = (), proc: Path = PROC) -> Usage | None:
    """Of `pid`, or of this process; of none of `without`, and of nothing they started. None where
    /proc does not show it."""
    root = os.getpid() if pid is None else pid
    seconds, peak, count = 0.0, 0, 0
    waited: dict[int, float] = {}
    for one in tree(root, without, proc):
        ticks, hwm = _ticks(proc / str(one)), _peak(proc / str(one))
        if ticks is None or hwm is None:  # it ended just now
            if one == root:
                return None
            continue
        seconds, peak, count = seconds + ticks / _TICK, peak + hwm, count + 1
        waited |= _waited(proc / str(one))
    return Usage(seconds, peak, count, waited or None)


def waited_seconds(readings: Sequence[Usage]) -> float | None:
    """What all threads waited from the first reading to the last; None where one does not show it.
    What a thread waits between the last reading that saw it and its end is not in it."""
    found = 0.0
    for before, after in pairwise(readings):
        if before.waited is None or after.waited is None:
            return None
        for thread, seconds in after.waited.items():
            found += max(0.0, seconds - before.waited.get(thread, 0.0))
    return found


def tree(root: int, without: Collection[int] = (), proc: Path = PROC) -> list[int]:
    """`root` and all that live below it, but for those `without` and what is below them."""
    children: dict[int, list[int]] = {}
    # The kernel's own list, task/*/children, is not built into every kernel.
    for folder in proc.glob("[0-9]*"):
        if len(fields := _stat(folder)) > 1:
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    found, left = [], [root]
    while left:
        pid = left.pop()
        if pid not in without:
            found.append(pid)
            left += children.get(pid, ())
    return found


def _ticks(folder: Path) -> int | None:
    fields = _stat(folder)
    # utime, stime, and both of the children that were waited for: fields 14 to 17 of proc(5).
    return sum(map(int, fields[11:15])) if len(fields) > 15 else None


def _waited(folder: Path) -> dict[int, float]:
    """Of each thread; {} where the kernel does not keep it."""
    found = {}
    for thread in folder.glob("task/[0-9]*"):
        # Nanoseconds run, nanoseconds waited, turns: Documentation/scheduler/sched-stats.rst. All
        # are 0 where the kernel has the file and does not count.
        fields = text(thread / "schedstat").split()
        if len(fields) > 1 and int(fields[0]):
            found[int(thread.name)] = int(fields[1]) / 1e9
    return found


def _stat(folder: Path) -> list[str]:
    """The fields of `stat` from the third on; the second, in brackets, may hold anything."""
    return text(folder / "stat").rpartition(")")[2].split()


def _peak(folder: Path) -> int | None:
    for line in text(folder / "status").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None
