"""What a Jetson's own programs tell: nvpmodel's power mode, and jetson-stats where it runs."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from typing import Any

TIMEOUT = 3.0
"""Seconds that nvpmodel may take."""


def mode_in(said: str) -> str | None:
    """The power mode that `nvpmodel -q` names, such as "MAXN"; None where it names none."""
    found = re.search(r"NV Power Mode: *(\S+)", said)
    return found[1] if found else None


def modes_in(configuration: str) -> dict[str, int]:
    """The number of each mode by its name, from /etc/nvpmodel.conf."""
    found = re.findall(r"POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+?)\s*>", configuration)
    return {name: int(number) for number, name in found}


def power_mode(program: str = "nvpmodel") -> str | None:
    """The mode now; None where there is no nvpmodel, or it does not tell this user."""
    try:
        ran = subprocess.run(
            [program, "-q"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", timeout=TIMEOUT, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return mode_in(ran.stdout)


class JetsonStats:
    """jetson-stats' own measurements, from its service; the form is that of version 4."""

    def __init__(self, interval: float) -> None:
        """Raises OSError where the package or its service is not there."""
        try:
            from jtop import JtopException, jtop
        except ImportError as exc:
            raise OSError("jetson-stats is not installed") from exc
        try:
            self._jtop: Any = jtop(interval=interval)  # Any: it comes without types
            self._jtop.start()
        except JtopException as exc:
            raise OSError(f"jetson-stats does not answer: {exc}") from exc

    def watts(self) -> dict[str, float]:
        """By rail, and "total" as jetson-stats has it; {} where it has none."""
        power: Mapping[str, Any] = self._jtop.power or {}
        rails = {name: rail.get("power") for name, rail in power.get("rail", {}).items()}
        rails["total"] = power.get("tot", {}).get("power")
        return {name: mw / 1000 for name, mw in rails.items() if isinstance(mw, int | float)}

    def close(self) -> None:
        self._jtop.close()
