"""Temperature and power, where this machine lets a user read them; nothing where it does not."""

from __future__ import annotations

from pathlib import Path

SYS = Path("/sys")


def temperatures(sys: Path = SYS) -> dict[str, float]:
    """Degrees Celsius by thermal zone, such as {"CPU-therm": 41.5}."""
    found: dict[str, float] = {}
    for zone in sorted(sys.glob("class/thermal/thermal_zone*")):
        kind, milli = _text(zone / "type"), _number(zone / "temp")
        # The Nano's PMIC-Die is no sensor: it says 100 degrees, always. A zone that is
        # switched off says -256 or less.
        if kind and milli is not None and kind != "PMIC-Die" and milli > -40_000:
            found[_free(kind, found)] = milli / 1000
    return found


def powers(sys: Path = SYS) -> dict[str, float]:
    """Watts by rail, such as {"POM_5V_IN": 2.4}, from the INA3221 of a Jetson or any hwmon."""
    found: dict[str, float] = {}
    # JetPack 4: milliwatts, ready made.
    for rail in sorted(sys.glob("bus/i2c/drivers/ina3221x/*/iio:device*/rail_name_*")):
        milli = _number(rail.with_name(rail.name.replace("rail_name_", "in_power") + "_input"))
        if (name := _text(rail)) and milli is not None:
            found[_free(name, found)] = milli / 1000
    for chip in sorted(sys.glob("class/hwmon/hwmon*")):
        device = _text(chip / "name") or chip.name
        if device == "ina3221":
            # JetPack 5 and later: millivolts and milliamperes.
            for label in sorted(chip.glob("in[0-9]*_label")):
                n = label.name.removeprefix("in").removesuffix("_label")
                volts, amperes = _number(chip / f"in{n}_input"), _number(chip / f"curr{n}_input")
                if (name := _text(label)) and volts is not None and amperes is not None:
                    found[_free(name, found)] = volts * amperes / 1e6
            continue
        for power in sorted(chip.glob("power[0-9]*_input")):
            micro = _number(power)
            if micro is not None:
                name = _text(power.with_name(power.name.replace("_input", "_label")))
                found[_free(f"{device} {name or power.name.partition('_')[0]}", found)] = (
                    micro / 1e6
                )
    return found


def _free(name: str, taken: dict[str, float]) -> str:
    """Two zones of one name are told apart by a number."""
    if name not in taken:
        return name
    return next(f"{name} {n}" for n in range(2, 1000) if f"{name} {n}" not in taken)


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:  # a sensor that is switched off answers with an error
        return ""


def _number(path: Path) -> int | None:
    try:
        return int(_text(path))
    except ValueError:
        return None
