"""The README's measured tables, made from the files in `results`: never typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.claims import RESULTS
from edgefer.bench.report import Report
from edgefer.files import replacing
from edgefer.tables import markdown_table, number

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- measured: make bench -->", "<!-- /measured -->"


def tables() -> str:
    """The bench's table and the claims', each with where it was measured."""
    bench = Report.read_json(RESULTS / "bench.json").markdown()
    rows, environment = [], {}
    for path in sorted(RESULTS.glob("*.json")):
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))  # Any: JSON
        if record["schema"] == "edgefer.claims/1":
            environment = record["environment"]
            rows += [_row(path.stem, claim) for claim in record["claims"]]
    claims = markdown_table(["claim (`python -m benchmarks.NAME`)", "median", "range", "n", "goal"],
                            rows)  # fmt: skip
    where = (
        f"{environment['cpu']}, {environment['cores']} cores, Python {environment['python']}, "
        f"commit {str(environment['git'])[:12]}"
    )
    return f"{bench}\n\n{claims}\n\n{where}"


def _row(name: str, claim: dict[str, Any]) -> list[str]:
    unit = f" {claim['unit']}" if len(claim["unit"]) > 1 else claim["unit"]
    return [
        f"`{name}`: {claim['name']}",
        number(claim["median"], 2) + unit,
        f"{number(min(claim['values']), 2)} to {number(max(claim['values']), 2)}",
        str(len(claim["values"])),
        claim["goal"] + ("" if claim["met"] else ", **missed**"),
    ]


def replaced(text: str) -> str:
    """The README with its measured part made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{tables()}\n{END}{after}"


def write() -> None:
    """Replace the README's measured part."""
    text = README.read_text(encoding="utf-8")
    with replacing(README) as file:
        file.write(replaced(text).encode())
