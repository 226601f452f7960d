"""Frames in, readings out: the only border between synchronous compute and asyncio.

    async with aclosing(run(source, detector, classifier, sinks)) as readings:
        async for reading in readings:
            ...

Threads carry the frames (workers.py). From their ordered point on, readings wait in boxes, one for
the taker and one for each sink, so that a slow sink does not slow a camera.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack

from edgefer.data import Reading
from edgefer.following import Following
from edgefer.mailbox import Mailbox
from edgefer.protocols import Detector, Sink, Source
from edgefer.workers import STOP_TIMEOUT, Classifying, Tolerance, Workers

log = logging.getLogger(__name__)

READINGS_KEPT = 64
"""How many readings wait for a slow taker before the oldest is dropped (live) or the workers
wait (a file)."""


async def run(
    source: Source,
    detector: Detector,
    classifier: Classifying,
    sinks: Sequence[Sink] = (),
    *,
    workers: int = 0,
    preview: bool | Callable[[], bool] = False,
    tolerate: Tolerance | None = None,
    following: Following | None = None,
    deadline: float = 0.0,
    late: Callable[[], None] = lambda: None,
) -> AsyncGenerator[Reading, None]:
    """Readings in the order of the frames, until the source ends or the taker leaves.

    A live source drops what a slow taker or sink does not fetch, each from its own box; from
    any other source nothing is lost, and the slowest sets the pace. Raises what a stage or a
    sink raised, after the readings that came before it; with `tolerate`, what detection or
    classification raised is told there and costs that one frame. Leaving it (`aclosing`)
    closes source and sinks, within 3 s even where a camera blocks; the detector and engine stay
    open.
    """
    lossless = not source.live
    own: Mailbox[Reading] = Mailbox(READINGS_KEPT, lossless=lossless)
    boxes = [own, *(Mailbox[Reading](READINGS_KEPT, lossless=lossless) for _ in sinks)]

    def publish(reading: Reading) -> None:
        for box in boxes:
            box.put(reading)

    def finish(error: BaseException | None) -> None:
        for box in boxes[1:]:
            box.close()
        own.close(error)

    async def drain(box: Mailbox[Reading], sink: Sink) -> None:
        try:
            async for reading in box:
                await sink.put(reading)
        except Exception as exc:
            finish(exc)
            raise

    threads = Workers(
        source,
        detector,
        classifier,
        publish,
        finish,
        workers=workers,
        preview=preview,
        tolerate=tolerate,
        following=following,
        deadline=deadline if source.live else 0.0,
        late=late,
    )
    async with AsyncExitStack() as closing:
        for sink in sinks:
            closing.push_async_callback(sink.close)
        drains = [
            asyncio.create_task(drain(box, sink), name=f"sink {type(sink).__name__}")
            for box, sink in zip(boxes[1:], sinks, strict=True)
        ]
        threads.start()
        try:
            async for reading in own:
                yield reading
            await asyncio.gather(*drains)
        finally:
            finish(None)
            await asyncio.gather(
                asyncio.to_thread(threads.stop), _finish_within(STOP_TIMEOUT, drains)
            )
            for box, sink in zip(boxes[1:], sinks, strict=True):
                if box.dropped:
                    log.warning("%s was too slow: %d dropped", type(sink).__name__, box.dropped)


async def _finish_within(seconds: float, tasks: Sequence[asyncio.Task[None]]) -> None:
    """Wait for tasks that have told their errors; what takes longer is cancelled and logged."""
    if not tasks:
        return
    done, late = await asyncio.wait(tasks, timeout=seconds)
    for task in done:
        task.exception()  # asyncio complains of errors that nobody looked at
    for task in late:
        log.warning("%s did not finish within %s s and is cancelled", task.get_name(), seconds)
        task.cancel()
