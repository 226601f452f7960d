"""What other processes take of the processors while one is measured."""

from __future__ import annotations

import os
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
STAT = Path("/proc/stat")


def busy_seconds(path: Path = STAT) -> float | None:
    """Seconds that the processors this process may use were busy since the machine started, for
    anybody: user, nice, system, interrupts, and what a hypervisor stole. None where unreadable."""
    mine = {f"cpu{n}" for n in os.sched_getaffinity(0)}
    total, found = 0, False
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    for line in lines:
        name, *ticks = line.split()
        if name in mine:
            found = True
            # proc(5): user nice system idle iowait irq softirq steal; guests are in the first two
            values = [int(tick) for tick in ticks[:8]]
            total += sum(values) - sum(values[3:5])
    return total / _TICK if found else None


def others_percent(busy: float, own: float, seconds: float) -> float:
    """Of `busy` processor seconds, those that were not one's `own`, as a percentage of what the
    processors could do in `seconds`."""
    cores = len(os.sched_getaffinity(0))
    return max(0.0, 100 * (busy - own) / (seconds * cores)) if seconds > 0 else 0.0
