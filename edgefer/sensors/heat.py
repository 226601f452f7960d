"""Temperatures, and what slows a machine because of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edgefer.sensors.files import SYS, free, number, text


@dataclass(frozen=True, slots=True)
class Zone:
    """A thermal zone that can be read."""

    name: str
    degrees: float
    """Celsius."""
    folder: Path


def zones(sys: Path = SYS) -> list[Zone]:
    """Every thermal zone with a sensor; two of one name are told apart by a number."""
    found: dict[str, Zone] = {}
    for folder in sorted(sys.glob("class/thermal/thermal_zone*")):
        kind, milli = text(folder / "type"), number(folder / "temp")
        # The Nano's PMIC-Die is no sensor: it says 100 degrees, always. A zone that is
        # switched off says -256 or less.
        if kind and milli is not None and kind != "PMIC-Die" and milli > -40_000:
            name = free(kind, found)
            found[name] = Zone(name, milli / 1000, folder)
    return list(found.values())


def temperatures(sys: Path = SYS) -> dict[str, float]:
    """Degrees Celsius by thermal zone, such as {"CPU-therm": 41.5}."""
    return {zone.name: zone.degrees for zone in zones(sys)}


def coolers(sys: Path = SYS) -> dict[str, bool]:
    """Whether each cooling device slows a processor now, by its kind; fans are none of them."""
    found: dict[str, bool] = {}
    for folder in sorted(sys.glob("class/thermal/cooling_device*")):
        kind, state = text(folder / "type"), number(folder / "cur_state")
        if state is not None and re.search("cpu|gpu|processor", kind, re.IGNORECASE):
            found[kind] = found.get(kind, False) or state > 0
    return found


def over_currents(sys: Path = SYS) -> int | None:
    """Over-current events since boot that a Jetson counted; None where none counts them.

    Source: what NVIDIA's kernel for Orin shows in hwmon, one file for each alarm.
    """
    return _sum(sys, "class/hwmon/hwmon*/oc*_event_cnt")


def throttle_count(sys: Path = SYS) -> int | None:
    """How often an x86 processor slowed itself down for heat since boot, all cores and packages;
    None where the kernel does not count. Source: Linux, Documentation/ABI, thermal_throttle."""
    return _sum(sys, "devices/system/cpu/cpu[0-9]*/thermal_throttle/*_throttle_count")


def _sum(sys: Path, pattern: str) -> int | None:
    counts = [n for path in sys.glob(pattern) if (n := number(path)) is not None]
    return sum(counts) if counts else None
