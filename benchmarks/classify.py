"""What classifying costs beside the network, and how near that comes to the processor's peak.

    python -m benchmarks.classify [--rounds 60]

`classify` is `Classifier.classify` of one face on a frame of the bench's clip. What it costs more
than `bare`, the tensor made of the same face and a bare `session.run`, is the wrapper: checking and
decoding. (The two in one turn, since a run after anything else
finds colder caches than a run after a run, and takes a tenth longer.) `sgemm` is ONNX Runtime's
product of two 1,024 x 1,024 matrices; the multiply-accumulates a second of `run`, the bare run over
and over, are held against that one's. All take turns in an order drawn anew each round; times are
of this process's processors, since on a busy machine the wall clock also counts the work of others.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from contextlib import closing

import cv2

from benchmarks.claims import Claim, report
from benchmarks.runtimes import CALLS, SIDE, product, take_turns
from edgefer.bench.clip import load_clip
from edgefer.classifier import Classifier
from edgefer.cli.bench import CLIP
from edgefer.config import DetectorConfig, EngineConfig
from edgefer.data import Detected, Frame, Image
from edgefer.detectors import open_detector
from edgefer.engines import find_model, open_engine
from edgefer.engines.onnx_file import read_onnx
from edgefer.engines.session import open_session, run
from edgefer.preprocessing import tensor

SHARE, LEAST_US = 0.02, 30
"""The wrapper may cost this share of the bare run, or this much, whichever is more."""


def contestants(detected: Detected, classifier: Classifier) -> dict[str, Callable[[], object]]:
    image, faces = detected.frame.image_bgr, detected.faces
    how = classifier.engine.spec.preprocessing
    session = open_session(find_model(EngineConfig().model), threads=1)
    name = session.get_inputs()[0].name
    ready = tensor(image, faces, how)
    outputs = [session.get_outputs()[0].name]
    return {
        "classify": lambda: classifier.classify(detected),
        "bare": lambda: run(session, outputs, {name: tensor(image, faces, how)}),
        "crop": lambda: tensor(image, faces, how),
        "run": lambda: run(session, outputs, {name: ready}),
        "sgemm": product(),
    }


def one_face(image: Image) -> Detected:
    with closing(open_detector(DetectorConfig(max_faces=1))) as detector:
        return Detected(Frame(image, 0, 0.0), detector.detect(image))


def main(rounds: int = 60) -> None:
    cv2.setNumThreads(1)
    detected = one_face(load_clip(CLIP, 30).images[-1])
    with closing(open_engine(EngineConfig())) as engine:
        _, cpu = take_turns(contestants(detected, Classifier(engine)), rounds)
        macs = read_onnx(find_model(EngineConfig().model)).cost.macs
        medians = {name: statistics.median(seconds) for name, seconds in cpu.items()}
        how = (
            f"{engine.spec.name}, {engine.runtime}, one face, one thread; {rounds} rounds of "
            f"{CALLS} calls each in turns; processor time: "
            + ", ".join(f"{name} {1000 * median:.3f} ms" for name, median in medians.items())
        )
    wrapper = tuple(
        1e6 * (whole - bare) for whole, bare in zip(cpu["classify"], cpu["bare"], strict=True)
    )
    most = max(LEAST_US, SHARE * 1e6 * medians["run"])
    claims = [
        Claim("classify without the bare run and the crop", f"<= {most:.0f}", "us", wrapper, how)
    ]
    if macs is not None:
        peak = tuple(
            (macs / bare) / (SIDE**3 / whole)
            for bare, whole in zip(cpu["run"], cpu["sgemm"], strict=True)
        )
        claims.append(
            Claim("multiply-accumulates a second / those of sgemm", ">= 0.8", "x", peak, how)
        )
    report("classify", *claims)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=60)
    main(**vars(parser.parse_args()))
