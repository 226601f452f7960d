"""NVIDIA's tegrastats: a Jetson's line of figures, in every form that JetPack has given it.

Source: "tegrastats Utility" in the Jetson Linux Developer Guides of r28.2 (JetPack 3), r32.6
(JetPack 4), r35.2 (JetPack 5) and r36 (JetPack 6).
"""

from __future__ import annotations

import re
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass

PROGRAM = "tegrastats"

_RAIL = re.compile(r"(?<!\S)(?!NC )([A-Z][A-Z0-9_]*) (\d+)(?:mW)?/\d+(?:mW)?(?!\S)")
"""Power now and its mean since the program began, in mW: `POM_5V_IN 2545/2547` up to JetPack 4,
`VDD_IN 4978mW/4978mW` after it. NC is a channel that is not connected. Memory has a unit behind
it: `RAM 1766/3964MB`."""
_ZONE = re.compile(r"(?<!\S)([\w.-]+)@(-?\d+(?:\.\d+)?)C(?!\S)")
_GPU = re.compile(r"\bGR3D(?:_FREQ)? (\d+)%(?:@(?:\[?)(\d+))?")
"""`GR3D 3%@76`, `GR3D_FREQ 0%`, `GR3D_FREQ 0%@[305]`, `GR3D_FREQ 13%@[1007,1007]`."""
_MEMORY = re.compile(r"\bEMC(?:_FREQ)? (\d+)%")


@dataclass(frozen=True, slots=True)
class Line:
    """What one line says; None or nothing where it does not say it."""

    watts: dict[str, float]
    """By rail, now."""
    degrees: dict[str, float]
    """Celsius by zone."""
    gpu_percent: float | None
    gpu_mhz: float | None
    memory_percent: float | None
    """How busy the memory's bus is."""


def parse(line: str) -> Line | None:
    """What a line of tegrastats says; None where it is no such line."""
    if not re.search(r"\bRAM \d+/\d+MB", line):
        return None
    gpu, memory = _GPU.search(line), _MEMORY.search(line)
    return Line(
        watts={m[1]: int(m[2]) / 1000 for m in _RAIL.finditer(line)},
        degrees={
            m[1]: float(m[2])
            for m in _ZONE.finditer(line)
            # No sensors: the PMIC of a Nano says 100 degrees, always; a zone that is off, -256.
            if m[1] not in ("PMIC", "PMIC-Die") and float(m[2]) > -40
        },
        gpu_percent=float(gpu[1]) if gpu else None,
        gpu_mhz=float(gpu[2]) if gpu and gpu[2] else None,
        memory_percent=float(memory[1]) if memory else None,
    )


class Running:
    """tegrastats as a process, whose newest line any thread may ask for."""

    def __init__(self, interval: float, program: str = PROGRAM) -> None:
        """A line every `interval` seconds. Raises OSError where it cannot be started."""
        self._newest: Line | None = None
        self._process = subprocess.Popen(
            [program, "--interval", str(max(1, round(interval * 1000)))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name="tegrastats", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def newest(self) -> Line | None:
        """The last line that could be read; None where none has come."""
        return self._newest

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._newest = parse(line) or self._newest

    def close(self) -> None:
        """End it. Safe to call twice."""
        self._process.terminate()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(2)
        self._reader.join(2)
        if self._process.stdout is not None and not self._reader.is_alive():
            self._process.stdout.close()
