"""What YuNet's scaling and decoding cost beside its network, and OpenCV's own beside both.

    python -m benchmarks.yunet --opencv-model face_detection_yunet_2023mar.onnx

Prints medians of one run in which the three take turns, in an order drawn anew each time. Each
computes in the calling thread alone, so its processor time is known too; the ratios are taken of
that, since on a busy machine the wall clock also counts the work of others. `run` is the bare
`session.run` on a tensor that is ready; `wrapper` is `YuNet.detect` on the frame; `opencv` is
`cv2.resize` and `cv2.FaceDetectorYN` on the frame, which takes only a model with fixed
dimensions (up to OpenCV 4.14) and is left out without one.
"""

from __future__ import annotations

import argparse
import platform
import random
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

from edgefer.config import DetectorConfig, model_folder
from edgefer.data import Image
from edgefer.detectors import YUNET_FILE
from edgefer.detectors.yunet import NMS_IOU, OUTPUTS, YuNet
from edgefer.engines.session import open_session
from edgefer.files import sha256
from edgefer.timing import clock, percentile

WARM_UP = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path, default=model_folder() / YUNET_FILE)
    parser.add_argument("--opencv-model", type=Path, help="the same network, fixed dimensions")
    parser.add_argument("--image", type=Path, help="a picture; without one, noise")
    parser.add_argument("--sizes", type=int, nargs="+", default=[320, 640])
    parser.add_argument("--rounds", type=int, default=300)
    args = parser.parse_args()

    cv2.setNumThreads(1)
    image = frame(args.image)
    print(
        f"{platform.machine()}, Python {platform.python_version()}, "
        f"ONNX Runtime {onnxruntime.__version__}, OpenCV {cv2.__version__}, "
        f"model {sha256(args.model)[:8]}, frame {image.shape[1]}x{image.shape[0]}, "
        f"one thread, n = {args.rounds} after {WARM_UP} discarded"
    )
    for size in args.sizes:
        compare(args.model, args.opencv_model, image, size, args.rounds)


def frame(path: Path | None) -> Image:
    """(480, 640, 3) uint8: the picture, or noise, in which there is no face to decode."""
    if path is None:
        return np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    image = cv2.imread(str(path))
    if image is None:
        raise SystemExit(f"{path} is no picture that OpenCV can read")
    return np.asarray(cv2.resize(image, (640, 480)), np.uint8)


def compare(model: Path, opencv_model: Path | None, image: Image, size: int, rounds: int) -> None:
    yunet = YuNet(model, DetectorConfig(size=size))
    session = open_session(model, threads=1)
    height, width = image.shape[0] * size // image.shape[1], size
    tensor = np.zeros((1, 3, -(-height // 32) * 32, -(-width // 32) * 32), np.float32)
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    tensor[0, :, :height, :width] = small.transpose(2, 0, 1)
    name = session.get_inputs()[0].name
    contestants: dict[str, Callable[[], object]] = {
        "run": lambda: session.run(OUTPUTS, {name: tensor}),
        "wrapper": lambda: yunet.detect(image),
    }
    if opencv_model is not None:
        config = DetectorConfig()
        detector = cv2.FaceDetectorYN.create(
            str(opencv_model), "", (width, height), config.min_score, NMS_IOU
        )
        contestants["opencv"] = lambda: detector.detect(
            cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        )
    wall, cpu = medians_ms(contestants, rounds)
    faces = len(yunet.detect(image))
    print(f"\n{width} px, tensor {tensor.shape[3]}x{tensor.shape[2]}, {faces} faces")
    for contestant in contestants:
        ratio = cpu[contestant] / cpu["run"]
        print(
            f"  {contestant:8} wall {wall[contestant]:8.3f} ms  cpu {cpu[contestant]:8.3f} ms  "
            f"{ratio:5.3f} x run"
        )


def medians_ms(
    contestants: dict[str, Callable[[], object]], rounds: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Wall-clock and processor milliseconds of one call, by contestant."""
    wall: dict[str, list[float]] = {name: [] for name in contestants}
    cpu: dict[str, list[float]] = {name: [] for name in contestants}
    order = list(contestants.items())
    shuffle = random.Random(0).shuffle
    for turn in range(WARM_UP + rounds):
        shuffle(order)  # nobody always finds the caches that the same predecessor left
        for name, work in order:
            start, start_cpu = clock(), time.thread_time()
            work()
            spent_cpu, spent = time.thread_time() - start_cpu, clock() - start
            if turn >= WARM_UP:
                wall[name].append(spent)
                cpu[name].append(spent_cpu)
    return _medians(wall), _medians(cpu)


def _medians(seconds: dict[str, list[float]]) -> dict[str, float]:
    return {name: percentile(values, 50) * 1000 for name, values in seconds.items()}


if __name__ == "__main__":
    main()
