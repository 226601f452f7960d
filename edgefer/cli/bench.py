"""`edgefer bench`: FPS tables of one or several engines on this machine; and of two results."""

from __future__ import annotations

import argparse
import dataclasses
import re
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from edgefer.bench import layout
from edgefer.bench.chart import bars, check_installed
from edgefer.bench.clip import load_clip
from edgefer.bench.compare import compare, markdown, table_csv, text
from edgefer.bench.csv_file import to_csv
from edgefer.bench.measure import Outcome, measure
from edgefer.bench.progress import Progress
from edgefer.bench.provenance import command_line, environment
from edgefer.bench.report import Report
from edgefer.bench.rounds import MODES, Job
from edgefer.bench.warmup import LEAST
from edgefer.cli.guard import check_apart, check_writable, inputs_of
from edgefer.cli.options import add_settings, settings
from edgefer.config import SECTIONS
from edgefer.engines import FORMATS, find_model
from edgefer.errors import ConfigError
from edgefer.files import replacing

CLIP = "demo://?seed=3&start=40"
"""One person, from 60 to 200 pixels, in every frame."""

MOST_FACES = 1024
"""In one call; with the packaged model on a processor it takes 0.9 GB."""

UNSTABLE = 3
"""Exit code under --strict; no error ends with it."""


def add(commands: Any) -> None:  # Any: argparse names no type for this
    parser = commands.add_parser(
        "bench",
        help="measure total, classification and detection FPS of one or more engines",
        description="Replay a clip through the pipeline as fast as it goes, the engines in turns, "
        "each turn in a process of its own, and print what came out.",
    )
    parser.add_argument(
        "--engine",
        action="append",
        dest="engines",
        metavar="MODEL",
        help="a path, or a name in the model folder; give it once per engine "
        "(default lightweight.onnx)",
    )
    parser.add_argument("--zoo", type=Path, metavar="DIR",
                        help="measure every .onnx, .plan and .engine file of a folder "
                        "too; edgefer-export zoo --export DIR fills one")  # fmt: skip
    parser.add_argument("--mode", choices=MODES, default="pipeline",
                        help="pipeline: clip to expressions; engine: the classifier alone, on "
                        "drawn faces (default pipeline)")  # fmt: skip
    parser.add_argument("--rounds", type=int, default=5, metavar="N",
                        help="turns of each engine, A B C A B C; a verdict needs three "
                        "(default 5)")  # fmt: skip
    parser.add_argument("--frames", type=int, default=1000, metavar="N",
                        help="frames that are measured in each round (default 1000)")  # fmt: skip
    parser.add_argument("--warmup", type=int, default=LEAST, metavar="N",
                        help="frames of each round that go through first at least; more until the "
                        f"rate stands still (default {LEAST})")  # fmt: skip
    parser.add_argument("--paced", type=float, metavar="FPS",
                        help="play the clip like a camera; late frames are dropped")  # fmt: skip
    parser.add_argument("--batch", type=int, default=1, metavar="N",
                        help="faces in one call, with --mode engine (default 1)")  # fmt: skip
    parser.add_argument("--sustain", type=duration, metavar="TIME",
                        help="then run each engine once for so long, such as 10m: FPS of the "
                        "first minute against the tenth")  # fmt: skip
    parser.add_argument("--strict", action="store_true",
                        help=f"exit with {UNSTABLE} where a row is unstable")  # fmt: skip
    parser.add_argument("--clip", default=CLIP, metavar="SOURCE",
                        help="a video, pictures or demo://; the default shows one "
                        f"person, {CLIP}")  # fmt: skip
    parser.add_argument("--clip-frames", type=int, default=60, metavar="N",
                        help="frames of it that are held in memory (default 60)")  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything, with "
                        "provenance")  # fmt: skip
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the tables as CSV")
    parser.add_argument("--chart", type=Path, metavar="FILE.png",
                        help="draw the rates with their intervals")  # fmt: skip
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    add_settings(parser, "detector", "engine", "pipeline", skip="--engine")
    parser.set_defaults(call=call)
    _add_compare(parser)


def _add_compare(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(title="of results", metavar="compare", required=False)
    two = commands.add_parser(
        "compare",
        help="compare two results: faster, slower, or no significant difference",
        description="Compare two files that `edgefer bench --json` wrote, engine by engine: is "
        "the second slower, or is it noise?",
    )
    two.add_argument("first", type=Path, metavar="A.json")
    two.add_argument("second", type=Path, metavar="B.json")
    two.add_argument("--force", action="store_true",
                     help="compare unlike machines or conditions")  # fmt: skip
    two.add_argument("--csv", type=Path, metavar="FILE", help="write the table as CSV")
    two.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    two.set_defaults(call=call_compare)


def duration(text: str) -> float:
    """Seconds of "90", "90s", "10m" or "1h"."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 90s, 10m or 1h")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]


def call(args: argparse.Namespace) -> int:
    _check(args)
    jobs = _jobs(args)
    _check_files(args, jobs)
    progress = Progress()
    try:
        outcome = measure(jobs, args.rounds, args.sustain or 0.0, progress)
    finally:
        progress.close()
    if outcome.measurements:  # what was measured is not lost with an engine that failed
        _tell(args, outcome)
    if outcome.errors:
        last = outcome.errors[-1]
        for error in dict.fromkeys(map(str, outcome.errors)):  # a bad clip is each engine's error
            if error != str(last):
                print(f"edgefer: error: {error}", file=sys.stderr)
        raise last
    unstable = any(not m.stability.stable for m in outcome.measurements)
    return UNSTABLE if args.strict and unstable else 0


def _check(args: argparse.Namespace) -> None:
    """Raises what would otherwise be raised after minutes."""
    for name, least in (("clip_frames", 1), ("frames", 2), ("warmup", 1), ("rounds", 1)):
        if getattr(args, name) < least:
            raise ConfigError(f"--{name.replace('_', '-')} takes {least} or more")
    if not 1 <= args.batch <= MOST_FACES:
        raise ConfigError(f"--batch is {args.batch}; it takes 1 to {MOST_FACES} faces in one call")
    if args.paced is not None and not 0.1 <= args.paced <= 1000:
        raise ConfigError(f"--paced is {args.paced:g}; it takes 0.1 to 1000 frames a second")
    if args.sustain == 0:
        raise ConfigError("--sustain takes a time above 0, such as 10m; leave it out for none")
    if args.mode == "engine" and args.paced is not None:
        raise ConfigError("--paced plays a clip; --mode engine has none")
    if args.mode == "engine" and (given := _of_the_pipeline(args)):
        raise ConfigError(
            f"{', '.join(given)}: of the pipeline; --mode engine runs the classifier alone"
        )
    if args.mode == "pipeline" and args.batch != 1:
        raise ConfigError(
            "--batch is for --mode engine; the pipeline takes a frame's faces at once"
        )
    for path in (args.json, args.csv, args.chart):
        check_writable(path)
    if args.chart:
        if args.chart.suffix.lower() != ".png":
            raise ConfigError(f"--chart draws a PNG; call it {args.chart.stem}.png")
        check_installed()


def _check_files(args: argparse.Namespace, jobs: Sequence[Job]) -> None:
    """Raises where an output is an input, and what is wrong with the clip."""
    models = [job.config.engine.model for job in jobs]
    check_apart((args.json, args.csv, args.chart), inputs_of(args.clip, models, args.config))
    if args.mode == "pipeline":
        load_clip(args.clip, args.clip_frames)  # each round has its own


def _of_the_pipeline(args: argparse.Namespace) -> list[str]:
    """The options that were given and that the engine alone has no use for."""
    return [
        spec.metadata["flag"]
        for section in ("detector", "pipeline")
        for spec in dataclasses.fields(SECTIONS[section])
        if spec.metadata["flag"] and getattr(args, f"{section}.{spec.name}") is not None
    ]


def _jobs(args: argparse.Namespace) -> list[Job]:
    config = settings(args)
    jobs = []
    models = list(args.engines or [])
    if args.zoo:
        models += _models_of(args.zoo)
    for model in models or [config.engine.model]:
        find_model(model)
        engine = dataclasses.replace(config.engine, model=model)
        jobs.append(
            Job(
                dataclasses.replace(config, engine=engine),
                args.clip,
                args.clip_frames,
                args.warmup,
                args.frames,
                mode=args.mode,
                paced=args.paced or 0.0,
                batch=args.batch,
            )
        )
    return jobs


def _models_of(folder: Path) -> list[str]:
    """Raises ConfigError where there is none."""
    if found := [path for path in folder.glob("*") if path.suffix in FORMATS]:
        return [str(path) for path in sorted(found, key=lambda path: (path.stem, path.suffix))]
    raise ConfigError(f"--zoo {folder}: it is no folder with {', '.join(FORMATS)} files")


def _tell(args: argparse.Namespace, outcome: Outcome) -> None:
    engines = outcome.measurements
    report = Report(
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        argv=command_line(),
        environment=environment(),
        clip={"url": args.clip, "frames": args.clip_frames, "sha256": engines[0].clip_sha256},
        engines=engines,
    )
    print(layout.markdown(report) if args.markdown else layout.text(report))
    if args.json:
        report.write_json(args.json)
    if args.csv:
        _write(args.csv, to_csv(report))
    if args.chart:
        bars(report, args.chart)


def call_compare(args: argparse.Namespace) -> int:
    check_writable(args.csv)
    check_apart((args.csv,), (args.first, args.second))
    first, second = (Report.read_json(path) for path in (args.first, args.second))
    found = compare(_told_apart(args.first, args.second), first, second, force=args.force)
    print(markdown(found) if args.markdown else text(found))
    if args.csv:
        _write(args.csv, table_csv(found))
    return 0


def _told_apart(first: Path, second: Path) -> tuple[str, str]:
    """The files' names, after as many of their folders as it takes to tell them apart."""
    a, b = (path.absolute().parts for path in (first, second))
    least = 1
    while a[-least:] == b[-least:] and a != b:
        least += 1
    return str(Path(*a[-least:])), str(Path(*b[-least:]))


def _write(path: Path, content: str) -> None:
    with replacing(path) as file:
        file.write(content.encode())
