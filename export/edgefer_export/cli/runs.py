"""`edgefer-export runs`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from edgefer.files import replacing
from edgefer_export.cli.options import Commands, add_data, add_threads, command, split_of


def add(commands: Commands) -> None:
    p = command(
        commands,
        "runs",
        call,
        "Runs side by side: what each changes of the first one's recipe, and what that brought.",
    )
    p.add_argument("folders", nargs="+", type=Path, metavar="RUN", help="the first is the base")
    add_data(p)
    p.add_argument("--split", help="rows to judge by [public]")
    p.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    add_threads(p)


def call(args: argparse.Namespace) -> None:
    import torch

    from edgefer_export.ledger import ledger, to_record, to_table
    from edgefer_export.runs import read_run

    if args.threads:
        torch.set_num_threads(args.threads)
    runs = [read_run(folder) for folder in args.folders]
    split = split_of(args, args.split).only(runs[0].expressions)
    entries = ledger(runs, split)
    # Before the table: whoever reads that may leave early, as `head` does.
    if args.json:
        record = to_record(entries, split, [str(run.record["commit"]) for run in runs])
        with replacing(args.json) as file:
            file.write((json.dumps(record, indent=1) + "\n").encode())
    print(to_table(entries))
    print(f"\n{split.dataset} {split.name}, digest {split.digest()}; [95 % intervals] by bootstrap")
