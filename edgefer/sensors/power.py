"""Power in watts, from rails that are measured now and from counters of energy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edgefer.sensors.files import SYS, free, number, text


def powers(sys: Path = SYS) -> dict[str, float]:
    """Watts by rail, such as {"POM_5V_IN": 2.4}, from the INA3221 of a Jetson or any hwmon."""
    found: dict[str, float] = {}
    # JetPack 4: milliwatts, ready made.
    for rail in sorted(sys.glob("bus/i2c/drivers/ina3221x/*/iio:device*/rail_name_*")):
        milli = number(rail.with_name(rail.name.replace("rail_name_", "in_power") + "_input"))
        if (name := text(rail)) and milli is not None:
            found[free(name, found)] = milli / 1000
    for chip in sorted(sys.glob("class/hwmon/hwmon*")):
        device = text(chip / "name") or chip.name
        if device == "ina3221":
            # JetPack 5 and later: millivolts and milliamperes.
            for label in sorted(chip.glob("in[0-9]*_label")):
                n = label.name.removeprefix("in").removesuffix("_label")
                volts, amperes = number(chip / f"in{n}_input"), number(chip / f"curr{n}_input")
                if (name := text(label)) and volts is not None and amperes is not None:
                    found[free(name, found)] = volts * amperes / 1e6
            continue
        for power in sorted(chip.glob("power[0-9]*_input")):
            micro = number(power)
            if micro is not None:
                name = text(power.with_name(power.name.replace("_input", "_label")))
                found[free(f"{device} {name or power.name.partition('_')[0]}", found)] = micro / 1e6
    return found


INPUTS = ("POM_5V_IN", "VDD_IN", "total", "power_meter power1")
"""Rails through which all of a board's or module's power comes, so that the others are parts of
them: Nano; TX, Xavier NX, Orin Nano and Orin NX; what jetson-stats adds up; an ACPI power meter.
Where none is there (AGX boards) nothing is added up. Source: NVIDIA's answer in its forum, thread
73608, for POM_5V_IN; the device trees' labels."""


def input_rail(rails: Iterable[str]) -> str | None:
    """The name of the rail that carries everything; None where none is known to."""
    known = set(rails)
    return next((name for name in INPUTS if name in known), None)


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter of energy: microjoules, which begin again at 0 after `most`."""

    name: str
    folder: Path
    most: int

    def read(self) -> int | None:
        """Microjoules now; None where it cannot be read."""
        return number(self.folder / "energy_uj")

    def since(self, before: int, now: int) -> float:
        """Joules between two readings, between which it wrapped at most once."""
        passed = now - before if now >= before else now - before + self.most
        return passed / 1e6


def counters(sys: Path = SYS) -> list[Counter]:
    """RAPL's counters of every processor package and its memory, where we may read them.

    Cores and graphics are parts of a package; the platform's counter (psys) measures other things
    on other machines. Since Linux 5.10 only root may read them. Source: Linux,
    Documentation/power/powercap.
    """
    found: dict[str, Counter] = {}
    # intel-rapl-mmio shows packages once more: it comes last, and is left out.
    for folder in sorted(sys.glob("class/powercap/*-rapl*:*"), key=lambda f: ("mmio" in f.name, f)):
        name, most = text(folder / "name"), number(folder / "max_energy_range_uj")
        if name == "dram":
            name = f"dram-{folder.name.split(':')[1]}"
        counter = Counter(name, folder, most or 0)
        if name.startswith(("package", "dram")) and most and counter.read() is not None:
            found.setdefault(name, counter)
    return list(found.values())
