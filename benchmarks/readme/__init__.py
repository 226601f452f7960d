"""The measured tables of the manuals, made from the files in `results`: never typed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.readme.curves import following, scaling
from benchmarks.readme.model import accuracy, robustness, runs
from benchmarks.readme.service import faults, soak
from benchmarks.readme.speed import claims, rates, runtimes
from benchmarks.readme.zoo import zoo
from edgefer.files import replacing

REPOSITORY = Path(__file__).parents[2]
README = REPOSITORY / "README.md"

Sections = Mapping[str, Callable[[], str]]
"""What stands between `<!-- NAME -->` and `<!-- /NAME's first word -->`."""

PAGES: dict[Path, Sections] = {
    README: {
        "measured: make bench": rates,
        "zoo: edgefer bench --zoo": zoo,
        "runtimes: python -m benchmarks.runtimes": runtimes,
        "following: python -m benchmarks.following": following,
        "accuracy: edgefer-export evaluate --robustness --json": accuracy,
    },
    REPOSITORY / "benchmarks" / "README.md": {
        "claims: python -m benchmarks.NAME": claims,
        "scaling: python -m benchmarks.scaling": scaling,
        "faults: python -m benchmarks.faults": faults,
        "soak: python -m benchmarks.soak": soak,
    },
    REPOSITORY / "export" / "README.md": {
        "robustness: edgefer-export evaluate --robustness --json": robustness,
        "budget: edgefer-export runs --json": lambda: runs("budget"),
        "ablation: edgefer-export runs --json": lambda: runs("ablation"),
    },
}


def replaced(page: Path) -> str:
    """The page's text with its measured parts made anew."""
    text = page.read_text(encoding="utf-8")
    for name, make in PAGES[page].items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name.partition(':')[0]} -->"
        before, _, rest = text.partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            raise ValueError(f"{page} has no {begin} ... {end}")
        text = f"{before}{begin}\n{make()}\n{end}{after}"
    return text


def write() -> None:
    """Replace the measured part of each page."""
    for page in PAGES:
        text = replaced(page)
        with replacing(page) as file:
            file.write(text.encode())
