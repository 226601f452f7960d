"""`edgefer bench`: FPS tables of one or several engines on this machine."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from edgefer.bench.measure import Job, Measurement, measure
from edgefer.bench.provenance import command_line, environment
from edgefer.bench.report import Report
from edgefer.cli.options import add_settings, settings
from edgefer.engines import open_engine
from edgefer.errors import ConfigError, OutputError

CLIP = "demo://?seed=3&start=40"
"""One person, from 60 to 200 pixels, in every frame."""


def add(commands: Any) -> None:  # Any: argparse names no type for this
    parser = commands.add_parser(
        "bench",
        help="measure total, classification and detection FPS of one or more engines",
        description="Replay a clip through the pipeline as fast as it goes, each engine in a "
        "process of its own, and print what came out.",
    )
    parser.add_argument(
        "--engine",
        action="append",
        dest="engines",
        metavar="MODEL",
        help="a path, or a name in the model folder; give it once per engine "
        "(default lightweight.onnx)",
    )
    parser.add_argument("--clip", default=CLIP, metavar="SOURCE",
                        help="a video, pictures or demo://; the default shows one "
                        f"person, {CLIP}")  # fmt: skip
    parser.add_argument("--clip-frames", type=int, default=60, metavar="N",
                        help="frames of it that are held in memory (default 60)")  # fmt: skip
    parser.add_argument("--frames", type=int, default=1000, metavar="N",
                        help="frames that are measured (default 1000)")  # fmt: skip
    parser.add_argument("--warmup", type=int, default=50, metavar="N",
                        help="frames that go through first and are not counted "
                        "(default 50)")  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything, with "
                        "provenance")  # fmt: skip
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    add_settings(parser, "detector", "engine", "pipeline", skip="--engine")
    parser.set_defaults(call=call)


def call(args: argparse.Namespace) -> int:
    for name, least in (("clip_frames", 1), ("frames", 2), ("warmup", 1)):
        if getattr(args, name) < least:
            raise ConfigError(f"--{name.replace('_', '-')} takes {least} or more")
    config = settings(args)
    models = args.engines or [config.engine.model]
    jobs = []
    for model in models:
        engine = dataclasses.replace(config.engine, model=model)
        open_engine(engine).close()  # what is wrong with one should not show after minutes
        chosen = dataclasses.replace(config, engine=engine)
        jobs.append(Job(chosen, args.clip, args.clip_frames, args.warmup, args.frames))
    if args.json and (args.json.is_dir() or not os.access(args.json.absolute().parent, os.W_OK)):
        raise OutputError(f"cannot write {args.json}: it is a folder, or its folder is not there")
    measurements: list[Measurement] = []
    try:
        for n, job in enumerate(jobs, 1):
            name = job.config.engine.model
            print(f"measuring {name} ({n} of {len(jobs)}) ...", file=sys.stderr, flush=True)
            measurements.append(measure(job))
    finally:
        if measurements:  # what was measured before an error is not lost with it
            _tell(args, measurements)
    return 0


def _tell(args: argparse.Namespace, measurements: list[Measurement]) -> None:
    clip = {"url": args.clip, "frames": args.clip_frames, "sha256": measurements[0].clip_sha256}
    report = Report(
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        argv=command_line(),
        environment=environment(),
        clip=clip,
        engines=tuple(measurements),
    )
    print(report.markdown() if args.markdown else report.text())
    if args.json:
        report.write_json(args.json)
