"""`edgefer-export evaluate`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from edgefer_export.cli.options import Commands, add_data, add_threads, command, split_of


def add(commands: Commands) -> None:
    p = command(
        commands, "evaluate", call, "Accuracy, recall and confusion of a model on one split."
    )
    p.add_argument("model", type=Path, metavar="MODEL", help="FILE.onnx, or the folder of a run")
    add_data(p)
    p.add_argument("--split", default="public", help="train, public or private [%(default)s]")
    p.add_argument("--json", action="store_true", help="print JSON instead of tables")
    add_threads(p)


def call(args: argparse.Namespace) -> None:
    from edgefer.engines.ort import OrtEngine
    from edgefer.protocols import Engine
    from edgefer_export.evaluate import evaluate as judge
    from edgefer_export.evaluate import report, to_record

    engine: Engine
    if args.model.is_dir():
        import torch

        from edgefer_export.runs import read_run
        from edgefer_export.torch_engine import TorchEngine, describe

        if args.threads:
            torch.set_num_threads(args.threads)
        run = read_run(args.model)
        engine = TorchEngine(run.network, describe(run))
    else:
        engine = OrtEngine(args.model, args.threads or 1)
    result = judge(engine, split_of(args.data, args.split))
    print(json.dumps(to_record(result), indent=2) if args.json else report(result))
