"""End to end against one loop in the style of OpenCV's model zoo, at equal detector sizes.

    python -m benchmarks.peers [--rounds 9] [--frames 100] [--models ../shared/models]

The loop is our own code over OpenCV's parts, as its zoo's demo puts them together: scale the frame,
`cv2.FaceDetectorYN`, then each face through a classifier on `cv2.dnn`, with as many threads as
OpenCV takes by itself. Its classifier is the zoo's own MobileFaceNet, or, to compare programs and
not networks, the one that edgefer runs. Faces are cut out for it by edgefer's preprocessing. Both
sides find faces with the same network and see the same clip, held in memory, in turns.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np

from benchmarks.claims import Claim, in_turns, report
from benchmarks.pipeline import pipeline
from edgefer.bench.clip import Clip, Replay, load_clip
from edgefer.classifier import Classifier
from edgefer.cli.bench import CLIP
from edgefer.config import DetectorConfig, EngineConfig, model_folder
from edgefer.data import Box, Face, Image
from edgefer.detectors import YUNET_FILE, open_detector
from edgefer.detectors.shrink import fitting
from edgefer.detectors.yunet import NMS_IOU
from edgefer.engines import find_model, open_engine
from edgefer.preprocessing import tensor
from edgefer.spec import Preprocessing
from edgefer.timing import clock

DETECTOR = "face_detection_yunet_2023mar.onnx"
"""YuNet with fixed dimensions, which is what FaceDetectorYN takes up to OpenCV 4.14."""
MOBILEFACENET = "facial_expression_recognition_mobilefacenet_2022july_int8.onnx"
ALIGNED = Preprocessing(
    112, 112, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5),
    landmarks=((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366),
               (41.5493, 92.3655), (70.7299, 92.2041)),
)  # fmt: skip
"""What it takes; source: opencv_zoo, facial_fer_model.py."""


class Loop:
    """Detector and classifier of OpenCV, one frame after the other."""

    def __init__(self, detector: Path, size: int, classifier: Path, how: Preprocessing) -> None:
        config = DetectorConfig()
        self._size, self._how = size, how
        self._detector = cv2.FaceDetectorYN.create(
            str(detector), "", (size, size), config.min_score, NMS_IOU
        )
        self._net = cv2.dnn.readNet(str(classifier))

    def see(self, image_bgr: Image) -> list[int]:
        """The most probable label of each face."""
        h, w = fitting(image_bgr, self._size)
        small = cv2.resize(image_bgr, (w, h))
        self._detector.setInputSize((w, h))
        _, rows = self._detector.detect(small)
        labels = []
        for x, y, width, height, *points, score in [] if rows is None else rows.tolist():
            at = [(points[n], points[n + 1]) for n in range(0, 10, 2)]
            face = Face(
                Box(x, y, x + width, y + height), score, (at[0], at[1], at[2], at[3], at[4])
            )
            self._net.setInput(tensor(np.asarray(small, np.uint8), [face], self._how))
            labels.append(int(self._net.forward().argmax()))
        return labels

    def fps(self, clip: Clip, frames: int) -> float:
        source = Replay(clip, frames)
        began = clock()
        while (frame := source.read()) is not None:
            self.see(frame.image_bgr)
        return frames / (clock() - began)


def measure(models: Path, size: int, rounds: int, frames: int) -> list[Claim]:
    clip = load_clip(CLIP, 60)
    with closing(open_detector(DetectorConfig(name="yunet", size=size))) as detector, \
            closing(open_engine(EngineConfig())) as engine:  # fmt: skip
        ours = Classifier(engine)
        zoo = Loop(models / DETECTOR, size, models / MOBILEFACENET, ALIGNED)
        same = Loop(models / DETECTOR, size, find_model(EngineConfig().model),
                    engine.spec.preprocessing)  # fmt: skip

        def alone(loop: Loop) -> Callable[[], float]:
            def fps() -> float:
                cv2.setNumThreads(-1)  # as OpenCV would
                return loop.fps(clip, frames)

            return fps

        def edgefer() -> float:
            cv2.setNumThreads(1)
            return asyncio.run(pipeline(clip, detector, ours, frames))[0]

        fps = in_turns({"edgefer": edgefer, "zoo": alone(zoo), "same": alone(same)}, rounds)
    cv2.setNumThreads(-1)
    threads = cv2.getNumThreads()
    how = (
        f"YuNet at {size} px on both sides, {engine.spec.name} on {engine.runtime}; OpenCV "
        f"{cv2.__version__} with {threads} threads; {rounds} rounds of {frames} frames each in "
        "turns, one round discarded; "
        + ", ".join(f"{name} {statistics.median(values):.1f} FPS" for name, values in fps.items())
    )
    return [
        Claim(f"edgefer / loop over OpenCV with {what}, {size} px, FPS", ">= 4", "x",
              tuple(a / b for a, b in zip(fps["edgefer"], fps[name], strict=True)), how)
        for name, what in (("zoo", "its zoo's classifier"), ("same", "edgefer's classifier"))
    ]  # fmt: skip


def main(
    rounds: int = 9,
    frames: int = 100,
    sizes: tuple[int, ...] = (320, 640),
    models: Path = Path("../shared/models"),
) -> None:
    needed = [model_folder() / YUNET_FILE, models / DETECTOR, models / MOBILEFACENET]
    if missing := [str(path) for path in needed if not path.is_file()]:
        print(f"peers: left out, without {', '.join(missing)}")
        return
    report("peers", *(claim for size in sizes for claim in measure(models, size, rounds, frames)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--sizes", type=int, nargs="+", default=(320, 640))
    parser.add_argument("--models", type=Path, default=Path("../shared/models"))
    main(**vars(parser.parse_args()))
