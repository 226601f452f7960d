"""`edgefer run`: a source through the pipeline, live on the terminal."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import sys
import time
from collections import Counter
from contextlib import ExitStack, aclosing, closing, suppress
from pathlib import Path
from typing import Any

from edgefer.classifier import Classifier
from edgefer.cli.options import add_settings, settings
from edgefer.config import Config
from edgefer.data import Reading
from edgefer.detectors import open_detector
from edgefer.engines import open_engine
from edgefer.errors import ConfigError
from edgefer.pipeline import run
from edgefer.protocols import Sink, Source
from edgefer.sources import open_source
from edgefer.sources.limited import Limited
from edgefer.sources.live import LiveSource
from edgefer.sources.video import VideoFile
from edgefer.tables import number, text_table
from edgefer.timing import Tally

GRACE = 1.5
"""Seconds for an orderly end after Ctrl-C; with pipeline.STOP_TIMEOUT behind it, 3 s in all."""

REFRESH = 0.2
"""Seconds between two status lines."""

RECENT = 100
"""Frames that the status line's rates look back on."""

KEPT = 100_000
"""Frames that the summary's rates and percentiles look back on at most."""


def add(commands: Any) -> None:  # Any: argparse names no type for this
    parser = commands.add_parser(
        "run",
        help="recognise expressions in a camera, a video, pictures or the drawn demo",
        description="Recognise expressions, with the rates live on the terminal (stderr). "
        "Ctrl-C ends it with a summary. No frame leaves memory unless --save is given.",
    )
    parser.add_argument(
        "source.url",
        nargs="?",
        metavar="SOURCE",
        help=Config().source.__dataclass_fields__["url"].metadata["doc"] + " (default demo://)",
    )
    parser.add_argument("--jsonl", metavar="FILE", help="append each reading as a JSON line; - "
                        "is standard output")  # fmt: skip
    parser.add_argument("--save", type=Path, metavar="OUT.mp4", help="save the annotated video")
    parser.add_argument("--max-frames", type=int, metavar="N", help="end after N frames")
    parser.add_argument("--duration", type=float, metavar="SECONDS", help="end after this time")
    parser.add_argument("--quiet", action="store_true", help="no status line, no summary")
    add_settings(parser, "source", "detector", "engine", "pipeline")
    parser.set_defaults(call=call)


def call(args: argparse.Namespace) -> int:
    for name in ("max_frames", "duration"):
        value = getattr(args, name)
        if value is not None and value <= 0:
            raise ConfigError(f"--{name.replace('_', '-')} is {value}; it takes more than 0")
    asyncio.run(_run(args, settings(args)))
    return 0


async def _run(args: argparse.Namespace, config: Config) -> None:
    with ExitStack() as opened:
        detector = opened.enter_context(
            closing(open_detector(config.detector, config.engine.threads))
        )
        engine = opened.enter_context(closing(open_engine(config.engine)))
        source = opened.enter_context(closing(open_source(config.source.url, config.source)))
        sinks = _sinks(args, config, source)
        status = Status(source, shown=not args.quiet)
        if args.max_frames:
            source = Limited(source, args.max_frames)
        _end_on_signals(source)
        if args.duration:
            asyncio.get_running_loop().call_later(args.duration, source.close)
        whole, seen = Tally(KEPT), Counter[str]()
        began = time.perf_counter()
        async with status:
            readings = run(
                source,
                detector,
                Classifier(engine),
                sinks,
                workers=config.pipeline.workers,
                preview=args.save is not None,
            )
            async with aclosing(readings):
                async for reading in readings:
                    status.add(reading)
                    whole.add(reading)
                    seen.update(expression.label for expression in reading.expressions)
    if not args.quiet:
        print(_summary(config, whole, seen, time.perf_counter() - began), file=sys.stderr)


def _sinks(args: argparse.Namespace, config: Config, source: Source) -> list[Sink]:
    sinks: list[Sink] = []
    if args.jsonl:
        from edgefer.sinks.jsonl import JsonLines

        sinks.append(JsonLines(args.jsonl))
    if args.save:
        from edgefer.sinks.video import AnnotatedVideo

        own = source.fps if isinstance(source, VideoFile) else 0.0
        sinks.append(AnnotatedVideo(args.save, own or config.source.fps))
    return sinks


def _end_on_signals(source: Source) -> None:
    """The first Ctrl-C or SIGTERM ends the source, and so all; where a stage or a sink hangs,
    cancels after GRACE. A second one is immediate."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None

    def end() -> None:
        for kind in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(kind)
        source.close()
        loop.call_later(GRACE, task.cancel)

    for kind in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(kind, end)


class Status:
    """One line on the terminal, rewritten; nothing where stderr is no terminal."""

    def __init__(self, source: Source, *, shown: bool) -> None:
        self._camera = source if isinstance(source, LiveSource) else None
        self._last: Reading | None = None
        self._tally = Tally(RECENT)
        self._shown = shown and sys.stderr.isatty()

    def add(self, reading: Reading) -> None:
        """The next line tells of this one."""
        self._tally.add(reading)
        self._last = reading

    async def __aenter__(self) -> Status:
        self._task = asyncio.create_task(self._refresh(), name="status line")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._write("")

    async def _refresh(self) -> None:
        while self._shown:
            self._write(self._line())
            await asyncio.sleep(REFRESH)

    def _write(self, line: str) -> None:
        if self._shown:
            columns = shutil.get_terminal_size().columns
            print(f"\r\x1b[K{line[: columns - 1]}", end="", file=sys.stderr, flush=True)

    def _line(self) -> str:
        if self._camera is not None and self._camera.state != "live":
            return f"{self._camera.state}: {self._camera.reason or self._camera.name}"
        if self._last is None:
            return "starting"
        rates = self._tally.rates()
        faces = ", ".join(f"{e.label} {e.probability:.0%}" for e in self._last.expressions)
        return (
            f"total {rates.total:.0f}  class {rates.classification:.0f}  "
            f"detect {rates.detection:.0f} FPS | drops {self._tally.dropped} | "
            f"age {self._last.age * 1000:.0f} ms | {faces or 'no face'}"
        )


def _summary(config: Config, tally: Tally, seen: Counter[str], wall: float) -> str:
    rates = tally.rates()
    spread = tally.percentiles()

    def row(name: str, fps: float, stage: str = "") -> list[str]:
        values = [spread[stage][p] for p in ("p50", "p95", "p99")] if stage else [None] * 3
        return [name, number(fps), *(number(v) for v in values)]

    table = text_table(
        ["", "FPS", "p50 ms", "p95 ms", "p99 ms"],
        [
            row("total (frame age)", rates.total, "age"),
            row("detection", rates.detection, "detection"),
            row("classification", rates.classification, "classification"),
            row("serial-equivalent", rates.serial),
        ],
    )
    counts = ", ".join(f"{label} {n}" for label, n in seen.most_common()) or "none"
    return (
        f"{tally.frames:,} frames with {tally.faces:,} faces from {config.source.url} "
        f"in {wall:.1f} s, {tally.dropped:,} dropped\n\n{table}\n\n"
        f"overlap {number(rates.overlap, 2)} (total / serial-equivalent)\n"
        f"expressions: {counts}"
    )
