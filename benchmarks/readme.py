"""The README's measured tables, made from the files in `results`: never typed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.claims import RESULTS
from edgefer.bench import layout
from edgefer.bench.report import Report
from edgefer.files import replacing
from edgefer.tables import markdown_table, number

README = Path(__file__).parent.parent / "README.md"


def rates() -> str:
    """The bench's table and the claims', each with where it was measured."""
    bench = layout.markdown(Report.read_json(RESULTS / "bench.json"))
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


def accuracy() -> str:
    """How right the shipped model is, and where it is less so."""
    record = _result("accuracy")
    by_label = [
        [name, *(_share(rows[key]) for key in ("all", "without_leak"))]
        for name, rows in record["scores"].items()
    ]
    table = markdown_table(["accuracy by", "all rows", "no copies of training rows"], by_label)
    variants = [
        [v["name"], f"{100 * v['accuracy']:.1f} %", _points(v["change"], v["interval"])]
        for v in record["robustness"]["variants"]
    ]
    changed = markdown_table(["pictures changed by", "accuracy", "change, points"], variants)
    return f"{table}\n\n{changed}\n\n{_where(record)}"


def runs(name: str) -> str:
    """Runs side by side, from the file that `edgefer-export runs --json` wrote."""
    record = _result(name)
    rows = [
        [
            run["change"] or "the same again",
            f"{run['parameters']:,}",
            f"{run['macs'] / 1e6:.1f} M",
            str(run["epochs"]),
            _share(run["standard"]),
            "" if run["gain"] is None else _points(run["gain"], run["gain_interval"]),
        ]
        for run in record["runs"]
    ]
    head = ["run", "parameters", "MACs", "epochs", "standard labels", "change, points"]
    data = record["data"]
    where = f"{data['name']} {data['split']}, digest {data['digest']}"
    return f"{markdown_table(head, rows)}\n\n{where}, one run each"


def runtimes() -> str:
    """Runtimes and arithmetic of one network on one processor."""
    record = _result("runtimes")
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


SECTIONS: dict[str, Callable[[], str]] = {
    "measured: make bench": rates,
    "runtimes: python -m benchmarks.runtimes": runtimes,
    "accuracy: edgefer-export evaluate --robustness --json": accuracy,
    "budget: edgefer-export runs --json": lambda: runs("budget"),
    "ablation: edgefer-export runs --json": lambda: runs("ablation"),
}
"""What stands between `<!-- NAME -->` and `<!-- /NAME's first word -->` in the README."""


def _result(name: str) -> dict[str, Any]:  # Any: JSON
    record: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return record


def _share(of: dict[str, Any] | None) -> str:
    if of is None:
        return "unavailable"
    low, high = of.get("interval") or of["intervals"]["accuracy"]
    return f"{100 * of['accuracy']:.1f} % [{100 * low:.1f}, {100 * high:.1f}] (n {of['n']:,})"


def _points(change: float, interval: Sequence[float] | None) -> str:
    between = "" if interval is None else " [{:+.1f}, {:+.1f}]".format(*(100 * v for v in interval))
    return f"{100 * change:+.1f}{between}"


def _where(record: dict[str, Any]) -> str:
    return (
        f"{record['model']} on {record['runtime']}; {record['dataset']} {record['split']}, digest "
        f"{record['digest']}; [95 % intervals] by bootstrap, {record['bootstrap']['resamples']:,} "
        "resamples"
    )


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
