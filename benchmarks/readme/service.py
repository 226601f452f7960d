"""What a running daemon survives, and how flat it stays."""

from __future__ import annotations

import re
from typing import Any

from benchmarks.readme.common import result, wrapped
from edgefer.tables import counted, markdown_table, number

LINE = 66
"""Characters of the log that a row shows."""


def faults() -> str:
    """What was done to a running daemon, and how long until it was right again."""
    record = result("faults")
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
    note = wrapped(
        f"Median (worst) of {record['repeats']}, on {environment['cpu']}, {environment['cores']} "
        f"cores, commit {environment['git'][:12]}. {letters}. -: nothing to tell, or, of frames, "
        f"that the numbers begin anew. Shortened for this (and the default): {record['shortened']}."
    )
    done = "\n".join(wrapped(f"{row['name']}: {row['how']}", "- ") for row in found)
    return (
        f"{markdown_table(head, rows)}\n\n{note}\n\n"
        f"{markdown_table(['fault', 'the log'], logged)}\n\n"
        f"<details><summary>What was really done</summary>\n\n{done}\n\n</details>"
    )


def soak() -> str:
    """How flat the daemon stays."""
    parts: dict[str, Any] = result("soak")["parts"]  # Any: JSON
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
    begin = spent[0].upper() + spent[1:]
    told = f"{begin}. The first half of each warms up and is not in the table."
    return f"{markdown_table(head, rows)}\n\n{wrapped(told)}"


_FIGURES = {
    "rss_kb": "memory, kB",
    "fds": "file descriptors",
    "threads": "threads",
    "children_rss_kb": "its child's memory, kB",
}


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
