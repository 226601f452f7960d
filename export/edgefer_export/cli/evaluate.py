"""`edgefer-export evaluate`."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from edgefer.errors import ConfigError
from edgefer_export.cli.options import (
    DATA,
    Commands,
    add_loading,
    add_threads,
    command,
    positive,
    split_of,
)

RESAMPLES = 1000
"""As in edgefer_export.evaluate.intervals, whose import would slow every command down."""


def add(commands: Commands) -> None:
    p = command(
        commands,
        "evaluate",
        call,
        "Accuracy, F1, confusion, calibration and robustness of a model on one split, or of a "
        "detector and a model on whole scenes.",
    )
    p.add_argument(
        "model",
        type=Path,
        metavar="MODEL",
        help="FILE.onnx, FILE.plan, the folder of a run, or a checkpoint FILE.pt in it",
    )
    on = p.add_mutually_exclusive_group(required=True)
    on.add_argument("--data", type=Path, metavar="PATH", help=DATA)
    on.add_argument(
        "--scenes",
        type=Path,
        metavar="DIR",
        help="pictures of any number of faces with DIR/labels.csv (picture, x1, y1, x2, y2, "
        "expression): the detector runs too, and a face it misses is an error",
    )
    add_split(p)
    p.add_argument(
        "--robustness",
        action="store_true",
        help="also on changed pictures of --data: light, contrast, blur, noise, JPEG, rotation, "
        "occlusion, crop scale; 17 times the time",
    )
    p.add_argument(
        "--mirror",
        action="store_true",
        help="the mean of the answers to a picture and to its mirror image (test-time "
        "augmentation: twice the work, not what the device does)",
    )
    p.add_argument(
        "--detector",
        choices=("auto", "yunet", "haar"),
        help="with --scenes [auto: yunet where its model was pulled, else haar]",
    )
    p.add_argument(
        "--out", type=Path, metavar="DIR", help="write the report, its pictures and all answers"
    )
    p.add_argument("--json", action="store_true", help="print JSON instead of tables")
    add_threads(p)
    add_loading(p)


def add_split(p: argparse.ArgumentParser) -> None:
    """Options of how a split is judged; `compare` has them too."""
    p.add_argument("--split", help="of --data, or all of them; public is validation too [public]")
    p.add_argument(
        "--common",
        action="store_true",
        help="judge the expressions that model and data share; rows of others are left out",
    )
    p.add_argument(
        "--bootstrap",
        type=positive,
        default=RESAMPLES,
        metavar="N",
        help="resamples behind each interval [%(default)s]",
    )


def call(args: argparse.Namespace) -> None:
    if args.scenes is None:
        on_split(args)
    else:
        on_scenes(args)


def on_split(args: argparse.Namespace) -> None:
    from edgefer_export.evaluate import (
        judge,
        measure_robustness,
        mirrored_too,
        probabilities,
        refuse_empty,
        report,
        shared_rows,
        to_record,
    )
    from edgefer_export.evaluate.folder import prepare, write
    from edgefer_export.evaluate.models import open_model
    from edgefer_export.evaluate.robustness import Variant

    if args.detector:
        raise ConfigError("--detector goes with --scenes; the pictures of --data are cut already")
    if args.mirror and args.robustness:
        raise ConfigError("--mirror and --robustness: one at a time")
    if args.out:
        prepare(args.out)  # what cannot be written is said before minutes of work
    variants: tuple[Variant, ...] = ()
    with closing(open_model(args.model, args.threads)) as engine:
        whole = split_of(args, args.split)
        split = shared_rows(engine.spec, whole) if args.common else whole
        refuse_empty(split)
        ask = mirrored_too if args.mirror else probabilities
        probs = ask(engine, split, common=args.common)
        result = judge(engine, split, probs, len(whole) - len(split), args.bootstrap)
        if args.mirror:
            result = replace(result, model=f"{result.model} with mirror images")
        if args.robustness:
            variants = measure_robustness(
                engine,
                split,
                probs,
                common=args.common,
                resamples=args.bootstrap,
                progress=lambda name: print(name, file=sys.stderr),
            )
    if args.out:
        write(args.out, result, split, probs, variants)
    if args.json:
        print(json.dumps(to_record(result, variants), indent=2))
    else:
        print(report(result, variants))


def on_scenes(args: argparse.Namespace) -> None:
    from edgefer.config import DetectorConfig
    from edgefer.detectors import open_detector
    from edgefer_export import scenes, scenes_report
    from edgefer_export.evaluate.folder import prepare
    from edgefer_export.evaluate.models import open_model

    if args.split is not None:
        raise ConfigError("--split goes with --data; scenes have their own labels.csv")
    if args.robustness or args.common:
        raise ConfigError("--robustness and --common go with --data, not with --scenes")
    if args.out:
        prepare(args.out)
    labelled = scenes.read_labels(args.scenes)
    config = DetectorConfig(name=args.detector or "auto")
    with (
        closing(open_detector(config, args.threads or 1)) as detector,
        closing(open_model(args.model, args.threads)) as engine,
    ):
        result = scenes.evaluate(detector, engine, labelled, args.bootstrap)
    if args.out:
        scenes_report.write(args.out, result)
    if args.json:
        print(json.dumps(scenes_report.to_record(result), indent=2))
    else:
        print(scenes_report.report(result))
