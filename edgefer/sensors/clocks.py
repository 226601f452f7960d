"""How fast the processors run now, and may."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgefer.sensors.files import SYS, number

POLICIES = 8
"""Groups of cores that are read at most: on x86 each core is one, and reading it interrupts it."""

_GPU = (".ga10b", ".gv11b", ".gp10b", ".gm20b", ".gb10b")
"""How the device trees of Thor, Orin, Xavier, TX2 and Nano name their GPUs besides "gpu"."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Hz now, and the limits that are set."""

    name: str
    now: int
    least: int
    most: int


def cpu_clocks(sys: Path = SYS) -> dict[str, float]:
    """MHz by group of cores that share a clock, such as {"cpu0": 1479.0}, from cpufreq."""
    found: dict[str, float] = {}
    for policy in sorted(
        sys.glob("devices/system/cpu/cpufreq/policy*"), key=lambda path: (len(path.name), path.name)
    )[:POLICIES]:
        khz = number(policy / "scaling_cur_freq")
        if khz is not None:
            found[policy.name.replace("policy", "cpu")] = khz / 1000
    return found


def gpu(sys: Path = SYS) -> Clock | None:
    """The clock of a Jetson's GPU, from devfreq."""
    folder = _gpu_folder(sys)
    if folder is None:
        return None
    now, least, most = (number(folder / f"{kind}_freq") for kind in ("cur", "min", "max"))
    if now is None or least is None or most is None:
        return None
    return Clock(folder.name, now, least, most)


def gpu_load(sys: Path = SYS) -> float | None:
    """How busy a Jetson's GPU is, in percent. Source: nvgpu's `load`, in thousandths."""
    folder = _gpu_folder(sys)
    thousandths = number(folder / "device" / "load") if folder else None
    return None if thousandths is None else thousandths / 10


def _gpu_folder(sys: Path) -> Path | None:
    return next(
        (
            folder
            for folder in sorted(sys.glob("class/devfreq/*"))
            if "gpu" in folder.name or folder.name.endswith(_GPU)
        ),
        None,
    )
