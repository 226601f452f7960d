"""`edgefer-export data`."""

from __future__ import annotations

import argparse
import json
import textwrap
from pathlib import Path
from typing import Any

from edgefer.tables import text_table
from edgefer_export.cli.options import Commands, add_loading, command, loading_of

WIDTH = 80


def add(commands: Commands) -> None:
    p = command(commands, "data", call, "What a data set holds: classes, copies, what is left out.")
    p.add_argument("data", type=Path, metavar="PATH", help="file or folder of a data set")
    add_loading(p)
    p.add_argument("--json", action="store_true", help="print JSON instead of a table")


def call(args: argparse.Namespace) -> None:
    record = to_record(args)
    print(json.dumps(record, indent=2) if args.json else report(record))


def to_record(args: argparse.Namespace) -> dict[str, Any]:
    """All that is known of the data set, as JSON has it."""
    from edgefer_export.data import load_dataset
    from edgefer_export.data.grouping import contradictions, fingerprints, torn

    how = loading_of(args)
    dataset = load_dataset(args.data, how)
    splits: dict[str, Any] = {}
    for name, split in dataset.splits.items():
        prints = fingerprints(split.images)
        splits[name] = {
            "rows": len(split),
            "counts": dict(zip(split.expressions, split.counts(), strict=True)),
            "digest": split.digest(),
            "copies": len(prints) - len(set(prints)),
            "labelled_differently": contradictions(prints, split.labels),
            "leaks": None if split.leak is None else int(split.leak.sum()),
            "blank": None if split.flat is None else int(split.flat.sum()),
            "with_votes": None if split.ballots is None else int((split.ballots > 0).sum()),
        }
    return {
        "dataset": dataset.name,
        "size": how.size,
        "colour": how.colour,
        "divided": dataset.divided,
        "published": dataset.published,
        "splits": splits,
        "groups_in_several_splits": torn(dataset.splits.values()),
        "skipped": [{"where": each.where, "reason": each.reason} for each in dataset.skipped],
    }


LINES = (
    ("all", "rows"),
    ("digest", "digest"),
    ("copies of an earlier row", "copies"),
    ("pictures of several labels", "labelled_differently"),
    ("copies of a training row", "leaks"),
    ("blank", "blank"),
    ("rows with FER+ votes", "with_votes"),
)


def report(record: dict[str, Any]) -> str:
    """The record as a table of expressions and splits, and in words; 80 columns wide."""
    from edgefer_export.data import Skipped
    from edgefer_export.data.dataset import reasons

    splits = record["splits"]
    names = next(iter(splits.values()))["counts"]
    rows = [[name, *(_cell(split["counts"][name]) for split in splits.values())] for name in names]
    for words, key in LINES:
        values = [split[key] for split in splits.values()]
        if values != [None] * len(values):
            rows.append([words, *map(_cell, values)])
    size = record["size"]
    title = f"{record['dataset']}, {size} x {size} px {record['colour']}; {record['divided']}"
    lines = [*_wrapped(title), "", text_table(("", *splits), rows), ""]
    if record["published"]:
        lines += _wrapped(record["published"])
    torn = record["groups_in_several_splits"]
    if torn:
        lines += _wrapped(f"{torn:,} groups of copies or persons have rows in several splits")
    skipped = [Skipped(**each) for each in record["skipped"]]
    lines.append(f"left out: {len(skipped):,}")
    for reason in reasons(skipped):
        lines += _wrapped(reason, "  ")
    return "\n".join(lines)


def _cell(value: int | str | None) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else f"{value:,}"


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent + "  ")
