"""How right the shipped model is, and runs of its training side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.readme.common import result
from edgefer.tables import markdown_table


def accuracy() -> str:
    """How right the shipped model is."""
    record = result("accuracy")
    rows = [
        [name, *(_share(rows[key]) for key in ("all", "without_leak"))]
        for name, rows in record["scores"].items()
    ]
    head = ["accuracy by", "all rows", "no copies of training rows"]
    return f"{markdown_table(head, rows)}\n\n{_where(record)}"


def robustness() -> str:
    """And where it is less so."""
    record = result("accuracy")
    rows = [
        [v["name"], f"{100 * v['accuracy']:.1f} %", _points(v["change"], v["interval"])]
        for v in record["robustness"]["variants"]
    ]
    head = ["pictures changed by", "accuracy", "change, points"]
    return f"{markdown_table(head, rows)}\n\n{_where(record)}"


def runs(name: str) -> str:
    """Runs side by side, from the file that `edgefer-export runs --json` wrote."""
    record = result(name)
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
