"""What every implementation of a protocol must do: one set of checks, run on each of them."""

from __future__ import annotations

import threading

import numpy as np

from edgefer.data import Frame, Image
from edgefer.protocols import Detector, Engine, Sink, Source
from tests.drivers import reading


def check_source(source: Source, *, at_least: int) -> None:
    """Frames come in order, own their pixels and carry times; `close` ends it for good."""
    assert isinstance(source, Source)
    frames = [source.read() for _ in range(at_least)]
    kept = [frame.image_bgr.copy() for frame in frames if frame is not None]
    assert len(kept) == at_least
    for frame, copy in zip(frames, kept, strict=True):
        assert isinstance(frame, Frame)
        assert frame.image_bgr.dtype == np.uint8
        assert frame.image_bgr.shape[2:] == (3,)
        np.testing.assert_array_equal(frame.image_bgr, copy)
    sequences = [frame.sequence for frame in frames if frame is not None]
    assert sequences == sorted(set(sequences))
    if not source.live:
        assert sequences == list(range(at_least))
    times = [frame.captured for frame in frames if frame is not None]
    assert times == sorted(times)
    ended: list[Frame | None] = []
    reader = threading.Thread(target=lambda: ended.append(_last(source)), daemon=True)
    source.close()
    reader.start()
    reader.join(5)
    assert ended == [None], "a closed source must end"
    source.close()


def _last(source: Source) -> Frame | None:
    return source.read()


def check_detector(detector: Detector, image_bgr: Image) -> None:
    """Faces of `image_bgr`, which has some, are ordered and inside reason; a black picture has
    none; threads may share it."""
    assert isinstance(detector, Detector)
    assert detector.name
    before = image_bgr.copy()
    faces = detector.detect(image_bgr)
    np.testing.assert_array_equal(image_bgr, before)
    assert faces
    height, width = image_bgr.shape[:2]
    scores = [face.score for face in faces]
    assert scores == sorted(scores, reverse=True)
    for face in faces:
        assert 0 <= face.score <= 1
        assert -width < face.box.x1 < face.box.x2 < 2 * width
        assert -height < face.box.y1 < face.box.y2 < 2 * height
    if not detector.exclusive:
        together: list[object] = []
        threads = [
            threading.Thread(target=lambda: together.append(detector.detect(image_bgr)))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert together == [faces] * 4
    detector.close()
    detector.close()


def check_engine(engine: Engine) -> None:
    """Any batch is answered row by row, finite, in memory of the caller's own."""
    assert isinstance(engine, Engine)
    assert engine.runtime
    pre = engine.spec.preprocessing
    rng = np.random.default_rng(0)
    batch = rng.random((5, pre.channels, pre.height, pre.width), dtype=np.float32)
    together = engine.infer(batch)
    assert together.shape == (5, len(engine.spec.labels))
    assert together.dtype == np.float32
    assert np.isfinite(together).all()
    kept = together.copy()
    alone = np.concatenate([engine.infer(batch[n : n + 1]) for n in range(5)])
    np.testing.assert_array_equal(together, kept)
    np.testing.assert_allclose(alone, together, atol=1e-4)
    together[:] = 0  # the caller's own: writing to it must be possible, and harmless
    np.testing.assert_allclose(engine.infer(batch), kept, atol=1e-5)
    engine.close()
    engine.close()


async def check_sink(sink: Sink) -> None:
    """Readings are taken one after another; closing twice is safe."""
    assert isinstance(sink, Sink)
    image = np.zeros((32, 32, 3), np.uint8)
    for n in range(3):
        await sink.put(reading(n, image_bgr=image))
    await sink.close()
    await sink.close()
