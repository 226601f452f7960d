"""`edgefer-export compare`."""

from __future__ import annotations

import argparse
import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from edgefer.errors import ConfigError
from edgefer_export.cli.evaluate import add_split
from edgefer_export.cli.options import DATA, Commands, add_loading, add_threads, command, split_of

if TYPE_CHECKING:
    from edgefer_export.data import Split
    from edgefer_export.evaluate.folder import Answers


def add(commands: Commands) -> None:
    p = command(
        commands,
        "compare",
        call,
        "Whether B is right more often than A on the same rows: McNemar's test.",
    )
    what = "a model as `evaluate` takes it, or a folder that `evaluate --out` wrote"
    p.add_argument("a", type=Path, metavar="A", help=what)
    p.add_argument("b", type=Path, metavar="B", help="the same")
    p.add_argument("--data", type=Path, metavar="PATH", help=f"needed for a model: {DATA}")
    add_split(p)
    p.add_argument("--json", action="store_true", help="print JSON instead of tables")
    add_threads(p)
    add_loading(p)


def call(args: argparse.Namespace) -> None:
    from edgefer_export.compare import compare, report, to_record
    from edgefer_export.evaluate.folder import is_report, read

    models = [path for path in (args.a, args.b) if not is_report(path)]
    if models and args.data is None:
        raise ConfigError(
            f"{models[0]} is no folder that `edgefer-export evaluate --out` wrote; to run it as a "
            "model, say on what: --data PATH"
        )
    split = split_of(args, args.split) if models else None
    a, b = (
        read(path) if split is None or is_report(path) else answered(path, split, args)
        for path in (args.a, args.b)
    )
    found = compare(a, b, args.bootstrap)
    print(json.dumps(to_record(found), indent=2) if args.json else report(found))


def answered(path: Path, split: Split, args: argparse.Namespace) -> Answers:
    """What the model in `path` answers now."""
    from edgefer_export.evaluate import probabilities, refuse_empty, shared_rows
    from edgefer_export.evaluate.folder import answers_of
    from edgefer_export.evaluate.models import open_model

    with closing(open_model(path, args.threads)) as engine:
        kept = shared_rows(engine.spec, split) if args.common else split
        refuse_empty(kept)
        return answers_of(engine, kept, probabilities(engine, kept, common=args.common))
