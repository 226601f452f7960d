"""`edgefer run`: a source through the pipeline, live on the terminal."""

from __future__ import annotations

import argparse
import asyncio
import math
import signal
import sys
from contextlib import AsyncExitStack, ExitStack, aclosing, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgefer.classifier import Classifier
from edgefer.cli.guard import check_apart, inputs_of
from edgefer.cli.options import add_settings, settings
from edgefer.cli.status import CLEAR, Status
from edgefer.config import Config
from edgefer.detectors import open_detector
from edgefer.engines import open_engine
from edgefer.engines.shared import TakingTurns, share
from edgefer.errors import ConfigError
from edgefer.following import Following
from edgefer.pipeline import run
from edgefer.protocols import Detector, Engine, Sink, Source
from edgefer.sources import camera_url, open_source
from edgefer.sources.limited import Limited
from edgefer.sources.video import VideoFile
from edgefer.workers import default_workers

if TYPE_CHECKING:
    from edgefer.cli.run_web import Pages

GRACE = 1.5
"""Seconds for an orderly end after Ctrl-C; with workers.STOP_TIMEOUT behind it, 3 s in all."""


def add(commands: Any) -> None:  # Any: argparse names no type for this
    parser = commands.add_parser(
        "run",
        help="recognise expressions in a camera, a video, pictures or the drawn demo",
        description="Recognise expressions, with the rates live on the terminal (stderr). "
        "Ctrl-C ends it with a summary. No frame leaves memory unless --save is given.",
    )
    parser.add_argument(
        "sources",
        nargs="*",
        metavar="SOURCE",
        help=Config().source.__dataclass_fields__["url"].metadata["doc"] + " (default demo://)",
    )
    parser.add_argument("--jsonl", metavar="FILE", help="append each reading as a JSON line; - "
                        "is standard output")  # fmt: skip
    parser.add_argument("--save", type=Path, metavar="OUT.mp4", help="save the annotated video")
    parser.add_argument("--web", nargs="?", const="", metavar="HOST:PORT", help="show it all on "
                        "pages for a browser meanwhile, what the camera sees included (default "
                        "127.0.0.1:8377)")  # fmt: skip
    parser.add_argument("--max-frames", type=int, metavar="N", help="end after N frames")
    parser.add_argument("--duration", type=float, metavar="SECONDS", help="end after this time")
    parser.add_argument("--quiet", action="store_true", help="no status line, no summary")
    add_settings(parser, "source", "detector", "engine", "pipeline")
    parser.set_defaults(call=call)


def call(args: argparse.Namespace) -> int:
    for name in ("max_frames", "duration"):
        value = getattr(args, name)
        if value is not None and not 0 < value < math.inf:
            raise ConfigError(f"--{name.replace('_', '-')} is {value}; it takes more than 0")
    if len(args.sources) > 1:
        raise ConfigError(
            f"{len(args.sources)} sources are given, such as {args.sources[1]}; it takes one. "
            "Quote a pattern ('pictures/*.jpg'), or give the folder"
        )
    setattr(args, "source.url", args.sources[0] if args.sources else None)
    config = settings(args)
    check_apart(
        [Path(target) for target in (args.jsonl, args.save) if target not in (None, "-")],
        inputs_of(config.source.url, (config.engine.model,), args.config),
    )
    if args.web is not None:
        from edgefer.cli.run_web import with_pages

        config = with_pages(config, args.web)
    # Opened before the event loop starts: inside, Ctrl-C would wait for a slow camera.
    with ExitStack() as opened:
        detector = opened.enter_context(
            closing(open_detector(config.detector, config.engine.threads))
        )
        engine = opened.enter_context(closing(open_engine(config.engine)))
        if args.web is not None:  # a visitor's picture comes beside the source's
            engine = share(engine)
            detector = TakingTurns(detector) if detector.exclusive else detector
        shown = not args.quiet and sys.stderr.isatty()
        if shown:
            print(f"opening {config.source.url} ...", end="", file=sys.stderr, flush=True)
        try:
            source = open_source(camera_url(config.source), config.source)
        finally:
            if shown:
                print(CLEAR, end="", file=sys.stderr, flush=True)
        opened.enter_context(closing(source))
        sinks = _sinks(args, config, source)
        status = Status(source, shown=shown)
        pages = _pages(config, source, detector, engine) if args.web is not None else None
        classifier = Classifier(engine)
        carry = _carry(args, config, source, detector, classifier, sinks, status, pages)
        try:
            asyncio.run(carry)
        finally:
            if not args.quiet:
                print(status.summary(config.source.url), file=sys.stderr)
    return 0


async def _carry(
    args: argparse.Namespace,
    config: Config,
    source: Source,
    detector: Detector,
    classifier: Classifier,
    sinks: list[Sink],
    status: Status,
    pages: Pages | None,
) -> None:
    if args.max_frames:
        source = Limited(source, args.max_frames)
    _end_on_signals(source)
    if args.duration:
        asyncio.get_running_loop().call_later(args.duration, source.close)
    workers = config.pipeline.workers or default_workers()
    following = Following(
        config.pipeline, config.tracking, config.events, workers=workers, live=source.live
    )
    status.looks = following.looks
    readings = run(
        source,
        detector,
        classifier,
        sinks,
        workers=workers,
        preview=lambda: args.save is not None or (pages is not None and pages.wanted()),
        following=following,
        deadline=config.pipeline.deadline,
    )
    async with AsyncExitStack() as open_:
        await open_.enter_async_context(status)
        if pages is not None:
            await open_.enter_async_context(pages)
        await open_.enter_async_context(aclosing(readings))
        async for reading in readings:
            status.add(reading)
            if pages is not None:
                pages.read(reading)


def _pages(config: Config, source: Source, detector: Detector, engine: Engine) -> Pages:
    from edgefer.cli.run_web import Pages  # its libraries take memory and time

    return Pages(config, source, detector, engine)


def _sinks(args: argparse.Namespace, config: Config, source: Source) -> list[Sink]:
    sinks: list[Sink] = []
    if args.jsonl is not None:
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
