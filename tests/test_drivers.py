"""The test drivers keep the contracts that the shipped implementations keep."""

from __future__ import annotations

import asyncio

import numpy as np

from tests.contracts import check_detector, check_engine, check_sink, check_source
from tests.drivers import FixedDetector, GatedEngine, MeanEngine, PictureSource, RecordingSink


def test_picture_source() -> None:
    check_source(PictureSource(5), at_least=3)
    check_source(PictureSource(5, live=True, skip=2), at_least=3)


def test_fixed_detector() -> None:
    check_detector(FixedDetector(), np.zeros((32, 32, 3), np.uint8))


def test_mean_engine() -> None:
    check_engine(MeanEngine())


def test_gated_engine() -> None:
    engine = GatedEngine()
    engine.finish(100)
    check_engine(engine)


def test_recording_sink() -> None:
    asyncio.run(check_sink(RecordingSink()))
