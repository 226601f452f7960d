"""The README's measured tables, made from the files in `results`: never typed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.readme.curves import following, scaling
from benchmarks.readme.model import accuracy, runs
from benchmarks.readme.service import faults, soak
from benchmarks.readme.speed import rates, runtimes
from benchmarks.readme.zoo import zoo
from edgefer.files import replacing

README = Path(__file__).parents[2] / "README.md"


SECTIONS: dict[str, Callable[[], str]] = {
    "measured: make bench": rates,
    "zoo: edgefer bench --zoo": zoo,
    "runtimes: python -m benchmarks.runtimes": runtimes,
    "following: python -m benchmarks.following": following,
    "scaling: python -m benchmarks.scaling": scaling,
    "accuracy: edgefer-export evaluate --robustness --json": accuracy,
    "budget: edgefer-export runs --json": lambda: runs("budget"),
    "ablation: edgefer-export runs --json": lambda: runs("ablation"),
    "faults: python -m benchmarks.faults": faults,
    "soak: python -m benchmarks.soak": soak,
}
"""What stands between `<!-- NAME -->` and `<!-- /NAME's first word -->` in the README."""


def replaced(text: str) -> str:
    """The README with its measured parts made anew."""
    for name, make in SECTIONS.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name.partition(':')[0]} -->"
        before, _, rest = text.partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            raise ValueError(f"{README} has no {begin} ... {end}")
        text = f"{before}{begin}\n{make()}\n{end}{after}"
    return text


def write() -> None:
    """Replace the README's measured part."""
    text = README.read_text(encoding="utf-8")
    with replacing(README) as file:
        file.write(replaced(text).encode())
