"""What visitors of the pages cost the cameras, and what HTTP adds to a picture's recognition.

    python -m benchmarks.web [--rounds 15] [--seconds 2]

The real daemon with the drawn camera, of 30 frames a second, and as fast as it goes, which takes
all cores; 20 visitors send a picture each, again as soon as they are answered, and wait as long as
a refusal tells them. They are a process of their own at the lowest priority, as they would be
another machine. Turns are short, so that other work on the machine falls on both.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, cast

import cv2
import httpx
import numpy as np

from benchmarks.claims import Claim, in_turns, report
from edgefer.classifier import Classifier
from edgefer.config import Config, SourceConfig
from edgefer.data import Detected, Frame, Image
from edgefer.detectors import open_detector
from edgefer.engines import open_engine
from edgefer.sources import open_source
from edgefer.timing import clock, percentile
from tests.daemons import Daemon

VISITORS = 20
STILL = "test://?frames=1&width=128&height=96"
"""A camera that costs nothing, where HTTP alone is measured."""
ALONE = {"Connection": "close"}
"""Each picture comes on a connection of its own, as from somebody else; one that was idle while the
camera was alone may be closed just when it is used again."""
PACE = 1 / 20
"""Seconds between two pictures there: below the rate that one address may send."""


def photograph() -> bytes:
    """A JPEG of 640x480 with one drawn face."""
    url = "demo://?seed=3&start=40"
    with closing(open_source(url, SourceConfig(url=url))) as source:
        frame = source.read()
    assert frame is not None
    return cv2.imencode(".jpg", frame.image_bgr)[1].tobytes()


@contextmanager
def daemon(source: str) -> Iterator[Daemon]:
    with tempfile.TemporaryDirectory() as folder:
        config = (
            f'[source]\nurl = "{source}"\n[jsonl]\npath = ""\n[web]\npages = true\npreview = true\n'
        )
        running = Daemon(Path(folder), config)
        try:
            running.wait_ready()
            yield running
        finally:
            running.end()


def frames(url: str) -> float:
    """That the daemon's cameras gave so far."""
    page = httpx.get(url + "/metrics", timeout=60).text
    lines = [line for line in page.splitlines() if line.startswith("edgefer_frames_total")]
    return sum(float(line.split()[-1]) for line in lines)


def fps(url: str, seconds: float) -> float:
    """Of the camera, over so many seconds; some before are left out."""
    time.sleep(seconds / 4)
    before, began = frames(url), clock()
    time.sleep(seconds)
    return (frames(url) - before) / (clock() - began)


# Any: multiprocessing names no types for its numbers and queues
def visit(
    url: str, picture: bytes, visiting: Event, ending: Event, busy: Any, answers: Any
) -> None:
    """VISITORS at once while `visiting`; in the end puts how often each status code came."""
    os.nice(19)
    asyncio.run(_visit(url, picture, visiting, ending, busy, answers))


async def _visit(
    url: str, picture: bytes, visiting: Event, ending: Event, busy: Any, answers: Any
) -> None:
    codes = Counter[int]()

    async def one(client: httpx.AsyncClient) -> None:
        while not ending.is_set():
            if not visiting.is_set():
                await asyncio.sleep(0.05)
                continue
            busy.value += 1
            try:
                answer = await client.post(url + "/v1/predict", content=picture, headers=ALONE)
            finally:
                busy.value -= 1
            codes[answer.status_code] += 1
            await asyncio.sleep(float(answer.headers.get("Retry-After", 0)))

    async with httpx.AsyncClient(timeout=120, trust_env=False) as client:
        await asyncio.gather(*(one(client) for _ in range(VISITORS)))
    answers.put(dict(codes))


def camera_with_visitors(name: str, source: str, rounds: int, seconds: float) -> Claim:
    """The camera's FPS with them over that without."""
    picture, spawn = photograph(), get_context("spawn")
    with daemon(source) as running:
        url = f"http://127.0.0.1:{running.port}"

        visiting, ending = spawn.Event(), spawn.Event()
        busy, answers = spawn.Value("i", 0), spawn.Queue()
        visitors = spawn.Process(target=visit, args=(url, picture, visiting, ending, busy, answers))
        visitors.start()

        def visited() -> float:
            visiting.set()
            try:
                return fps(url, seconds)
            finally:
                visiting.clear()
                while busy.value:  # what still waits is answered before the camera is alone
                    time.sleep(0.05)

        try:
            found = in_turns({"alone": lambda: fps(url, seconds), "visited": visited}, rounds)
        finally:
            ending.set()
            codes = answers.get()
            visitors.join()
    shares = tuple(b / a for a, b in zip(found["alone"], found["visited"], strict=True))
    told = ", ".join(f"{count} x {code}" for code, count in sorted(codes.items()))
    alone = percentile(found["alone"], 50)
    how = (
        f"the daemon with {source}, {alone:.1f} FPS alone; {VISITORS} visitors in parallel, "
        f"{told}; {rounds} rounds of 2 x {seconds:g} s, one round discarded"
    )
    return Claim(f"{name}: FPS with 20 visitors / without", ">= 0.9", "", shares, how)


def predict_against_bare(rounds: int, pictures: int) -> Claim:
    """p95 of POST /v1/predict over p95 of decoding, detection and classification alone."""
    picture, config = photograph(), Config()
    with (
        closing(open_detector(config.detector, 1)) as detector,
        closing(open_engine(config.engine)) as engine,
        daemon(STILL) as running,
        httpx.Client(timeout=60, trust_env=False) as client,
    ):
        classifier, url = Classifier(engine), f"http://127.0.0.1:{running.port}/v1/predict"

        def bare() -> None:
            image = cast("Image", cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR))
            faces = detector.detect(image)
            classifier.classify(Detected(Frame(image, 0, clock()), faces))

        def asked() -> None:
            client.post(url, content=picture).raise_for_status()

        def p95(work: Callable[[], None]) -> float:
            times = []
            for _ in range(pictures):
                began = clock()
                work()
                times.append(clock() - began)
                time.sleep(max(0.0, PACE - times[-1]))
            return percentile(times, 95)

        found = in_turns({"bare": lambda: p95(bare), "asked": lambda: p95(asked)}, rounds)
    ratios = tuple(b / a for a, b in zip(found["bare"], found["asked"], strict=True))
    how = (
        f"one 640x480 JPEG, decoded, searched and classified: p95 of {pictures} requests to a "
        f"daemon that does nothing else, over that of the same calls in one thread "
        f"({percentile(found['bare'], 50) * 1000:.1f} ms); {rounds} rounds, one discarded"
    )
    return Claim("p95 of POST /v1/predict / bare call", "<= 2", "", ratios, how)


def main(rounds: int = 15, seconds: float = 2.0, pictures: int = 40) -> None:
    report(
        "web",
        camera_with_visitors("camera of 30 FPS", "demo://?fps=30", rounds, seconds),
        camera_with_visitors("camera as fast as it goes", "demo://", rounds, seconds),
        predict_against_bare(rounds, pictures),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--pictures", type=int, default=40)
    main(**vars(parser.parse_args()))
