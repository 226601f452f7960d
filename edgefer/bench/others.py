"""What other processes take of the processors while one is measured, and what that costs it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
STAT = Path("/proc/stat")

BESIDE = 0.1
"""Of what others took without keeping anybody waiting, the share that it costs all the same, as
caches, memory and the power of a package are shared. On two cores of an EPYC, a loop, dictionaries,
gzip or another model on the second (50 %) cost the packaged model on the first 3 to 6 %. What
sweeps 16 MB costs it up to 35 %: `verdict.MOST_BESIDE`."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Of the processors that this process may use, since the machine started."""

    seconds: float
    """That they worked for anybody: user, nice, system, interrupts, and what was stolen."""
    stolen: float
    """Of these, what a hypervisor gave to other machines."""


def busy_seconds(path: Path = STAT) -> Busy | None:
    """None where it cannot be read."""
    mine = {f"cpu{n}" for n in os.sched_getaffinity(0)}
    total, stolen, found = 0, 0, False
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
            stolen += values[7]
    return Busy(total / _TICK, stolen / _TICK) if found else None


def others_percent(busy: float, own: float, seconds: float) -> float:
    """Of `busy` processor seconds, those that were not one's `own`, as a percentage of what the
    processors could do in `seconds`."""
    cores = len(os.sched_getaffinity(0))
    return max(0.0, 100 * (busy - own) / (seconds * cores)) if seconds > 0 else 0.0


def lost_percent(busy: float, own: float, waited: float, seconds: float) -> float:
    """What others took away at most, as a percentage of what one would have done: no more than
    they took, and no more than one `waited` for a processor, which one's own threads do for each
    other too. All in seconds, of processors but for the last, which is the clock's: who mostly
    waits for a device loses less than his share of the processors."""
    lost = max(0.0, min(busy - own, waited))
    return 100 * lost / max(own + lost, seconds) if seconds > 0 else 0.0


def cost_percent(others: float | None, lost: float | None) -> float:
    """By how much others may have slowed one: by what they took away, and a share of what they
    took beside. All that they took where `lost` is unknown; 0 where both are."""
    if others is None or lost is None:
        return others or 0.0
    return lost + BESIDE * max(0.0, others - lost)
