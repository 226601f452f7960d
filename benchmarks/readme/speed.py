"""How fast it is: the bench's table, the claims, and the runtimes."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.claims import RESULTS
from benchmarks.readme.common import result
from edgefer.bench import layout
from edgefer.bench.report import Report
from edgefer.tables import markdown_table, number


def rates() -> str:
    """The bench's table."""
    return layout.markdown(Report.read_json(RESULTS / "bench.json"))


def claims() -> str:
    """What each benchmark claims of the project's own speed, and where it was measured."""
    rows, environment, commits = [], {}, set()
    for path in sorted(RESULTS.glob("*.json")):
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))  # Any: JSON
        if record["schema"] == "edgefer.claims/1":
            environment = record["environment"]
            commits.add(str(environment["git"])[:12])
            rows += [_row(path.stem, claim) for claim in record["claims"]]
    head = ["claim (`results/NAME.json`)", "median", "range", "n", "goal"]
    where = (
        f"{environment['cpu']}, {environment['cores']} cores, Python {environment['python']}, "
        f"commits {', '.join(sorted(commits))}: each file names its own"
    )
    return f"{markdown_table(head, rows)}\n\n{where}"


def runtimes() -> str:
    """Runtimes and arithmetic of one network on one processor."""
    record = result("runtimes")
    rows = [
        [
            f"`{row['engine']}`",
            number(row["cpu_ms"], 2),
            "{mean:.2f} [{low:.2f}, {high:.2f}]".format(**row["faster_cpu"]),
            "" if row["of_sgemm"] is None else f"{100 * row['of_sgemm']:.0f} %",
            f"{100 * row['same_label']:.0f} %, {row['difference']:.4f}",
            row["runtime"],
        ]
        for row in record["rows"]
    ]
    head = ["`--engine`", "ms of a processor", "times as fast", "of sgemm", "same label, most off",
            "runtime"]  # fmt: skip
    environment = record["environment"]
    where = (
        f"{environment['cpu']}, {environment['cores']} cores, commit "
        f"{str(environment['git'])[:12]}; one face, one thread, {record['rounds']} rounds in "
        "turns, [95 % intervals]; answers against the first row's on 32 drawn faces"
    )
    return f"{markdown_table(head, rows)}\n\n{where}"


def _row(name: str, claim: dict[str, Any]) -> list[str]:
    unit = f" {claim['unit']}" if len(claim["unit"]) > 1 else claim["unit"]
    return [
        f"`{name}`: {claim['name']}",
        number(claim["median"], 2) + unit,
        f"{number(min(claim['values']), 2)} to {number(max(claim['values']), 2)}",
        str(len(claim["values"])),
        claim["goal"] + ("" if claim["met"] else ", **missed**"),
    ]
