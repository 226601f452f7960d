"""The README's measured tables, made from the files in `results`: never typed."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.claims import RESULTS
from edgefer.bench import layout
from edgefer.bench.report import Report
from edgefer.files import replacing
from edgefer.tables import counted, markdown_table, number

LINE = 66
"""Characters of the log that a row shows."""

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


def faults() -> str:
    """What was done to a running daemon, and how long until it was right again."""
    record = _result("faults")
    found = record["faults"]
    spans = list(dict.fromkeys(row["recovered"] for row in found))
    rows = [
        [
            row["name"],
            _median_and_worst(row["noticed_ms"]),
            f"{_median_and_worst(row['recovered_ms'])} {'abcdefgh'[spans.index(row['recovered'])]}",
            _median_and_worst(row["frames_lost"]),
            "**yes**" if row["person_needed"] else "no",
        ]
        for row in found
    ]
    head = ["fault", "noticed, ms", "recovered, ms", "frames lost", "person needed"]
    logged = [
        [row["name"], f"`{_shortened(row['outcomes'][0]['said'])}`"]
        for row in found
        if row["outcomes"][0]["said"]
    ]
    environment = record["environment"]
    letters = "; ".join(f"{'abcdefgh'[n]}: {span}" for n, span in enumerate(spans))
    note = _wrapped(
        f"Median (worst) of {record['repeats']}, on {environment['cpu']}, {environment['cores']} "
        f"cores, commit {environment['git'][:12]}. {letters}. -: nothing to tell, or, of frames, "
        f"that the numbers begin anew. Shortened for this (and the default): {record['shortened']}."
    )
    done = "\n".join(_wrapped(f"{row['name']}: {row['how']}", "- ") for row in found)
    return (
        f"{markdown_table(head, rows)}\n\n{note}\n\n"
        f"{markdown_table(['fault', 'the log'], logged)}\n\n"
        f"<details><summary>What was really done</summary>\n\n{done}\n\n</details>"
    )


def soak() -> str:
    """How flat the daemon stays."""
    parts: dict[str, Any] = _result("soak")["parts"]  # Any: JSON
    rows = [
        [
            f"{name}: {_FIGURES[line['figure']]}",
            f"{line['first']:,.1f} to {line['last']:,.1f}",
            f"{line['slope']:+,.2f} ± {line['error']:,.2f}",
            f"{line['negligible']:g}",
            line["unit"],
            "yes" if line["flat"] else "**no**",
        ]
        for name, part in parts.items()
        for line in part["lines"]
    ]
    head = ["soak", "first to last", "slope ± its error", "does not matter", "per", "flat"]
    spent = "; ".join(
        f"{name}: {part['frames']:,} frames in {part['seconds'] / 60:.0f} minutes, "
        f"{part['reconnects']:,} reconnects, {counted(part['mqtt_messages'], 'message')} and "
        f"{counted(part['posts'], 'post')}"
        for name, part in parts.items()
    )
    return f"{markdown_table(head, rows)}\n\n{_wrapped(spent[0].upper() + spent[1:] + '.')}"


_FIGURES = {
    "rss_kb": "memory, kB",
    "fds": "file descriptors",
    "threads": "threads",
    "children_rss_kb": "its child's memory, kB",
}


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
    "faults: python -m benchmarks.faults": faults,
    "soak: python -m benchmarks.soak": soak,
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


def _median_and_worst(of: dict[str, float] | None) -> str:
    if of is None:
        return "-"
    median, worst = number(of["median"], 0), number(of["worst"], 0)
    return median if median == worst else f"{median} ({worst})"


def _shortened(said: str) -> str:
    """A line of the log without the camera or the file that it begins with, for one row."""
    if re.match(r"\w+:\S|/", said):
        said = said.partition(": ")[2] or "… " + said[-LINE // 2 :].partition(" ")[2]
    text = " ".join(said.split())
    return text if len(text) <= LINE else text[: LINE - 1].rpartition(" ")[0] + " …"


def _wrapped(text: str, bullet: str = "") -> str:
    return textwrap.fill(
        bullet + text, 98, subsequent_indent=" " * len(bullet), break_on_hyphens=False
    )


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
