"""What YuNet costs beside its network: scaling before it, decoding and choosing behind it.

    python -m benchmarks.yunet [--rounds 40] [--sizes 320 640]

`detect` is `YuNet.detect` on a frame of the bench's clip. It is held against two bare runs of a
session, on a tensor that is ready: of the file as published, and of the graph that edgefer makes of
it (yunet_graph.py), which does more in less time. All take turns, and compute in the calling thread
alone; ratios are of that thread's processor time, since on a busy machine the wall clock also
counts the work of others.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.claims import Claim, in_turns, report
from edgefer.bench.clip import load_clip
from edgefer.cli.bench import CLIP
from edgefer.config import DetectorConfig, model_folder
from edgefer.data import Image
from edgefer.detectors import YUNET_FILE
from edgefer.detectors.shrink import fitting, shrink
from edgefer.detectors.yunet import NMS_IOU, YuNet
from edgefer.detectors.yunet_graph import FACES, GRID, OUTPUTS, PICTURE, grid, rewrite
from edgefer.engines.session import open_session, run
from edgefer.files import sha256

CALLS = 20
"""In a row, of one contestant in one round."""


def contestants(model: Path, image: Image, size: int) -> dict[str, Callable[[], object]]:
    """The detector and the two bare runs, on the same picture."""
    config = DetectorConfig(size=size)
    yunet = YuNet(model, config)
    published = open_session(model, threads=1)
    graph = rewrite(model, config.min_score, NMS_IOU)
    rewritten = open_session(model, threads=1, content=graph.model)
    h, w = fitting(image, size)
    height, width = graph.fixed or (-(-h // 32) * 32, -(-w // 32) * 32)
    picture = np.zeros((height, width, 3), np.uint8)
    shrink(image, picture[:h, :w])
    planes = np.ascontiguousarray(picture.transpose(2, 0, 1)[None], np.float32)
    ours: dict[str, NDArray[Any]] = {
        PICTURE: picture.reshape(1, 1, height, -1),
        GRID: grid(height, width),
    }
    name = published.get_inputs()[0].name
    return {
        "detect": lambda: yunet.detect(image),
        "published": lambda: run(published, OUTPUTS, {name: planes}),
        "rewritten": lambda: run(rewritten, (FACES,), ours),
    }


def milliseconds(work: Callable[[], object]) -> float:
    """Of this thread's processor time, a call."""
    work()  # brings its weights into the caches again
    began = time.thread_time()
    for _ in range(CALLS):
        work()
    return (time.thread_time() - began) / CALLS * 1000


def claims(model: Path, image: Image, size: int, rounds: int) -> list[Claim]:
    work = contestants(model, image, size)
    cpu = in_turns({name: lambda w=w: milliseconds(w) for name, w in work.items()}, rounds)  # type: ignore[misc]
    medians = ", ".join(f"{name} {np.median(values):.3f} ms" for name, values in cpu.items())
    how = (
        f"model {sha256(model)[:8]}, a frame of {image.shape[1]}x{image.shape[0]} with a face, one "
        f"thread; {rounds} rounds of {CALLS} calls each in turns, one round discarded; {medians}"
    )
    return [
        Claim(f"YuNet {size} px: detect / bare run of {what}, processor time", goal, "x",
              tuple(a / b for a, b in zip(cpu["detect"], cpu[name], strict=True)), how)
        for name, what, goal in (("published", "the published file", "<= 1.2"),
                                 ("rewritten", "its own graph", "<= 1.2"))
    ]  # fmt: skip


def main(rounds: int = 40, sizes: tuple[int, ...] = (320, 640), model: Path | None = None) -> None:
    cv2.setNumThreads(1)
    image = load_clip(CLIP, 30).images[-1]
    path = model or model_folder() / YUNET_FILE
    if not path.is_file():
        print(f"yunet: left out, since there is no {path}: edgefer pull yunet")
        return
    report("yunet", *(claim for size in sizes for claim in claims(path, image, size, rounds)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--sizes", type=int, nargs="+", default=(320, 640))
    parser.add_argument("--model", type=Path, help="default: the one that was pulled")
    main(**vars(parser.parse_args()))
