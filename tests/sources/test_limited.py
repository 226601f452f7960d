from __future__ import annotations

from edgefer.sources.limited import Limited
from tests.contracts import check_source
from tests.drivers import PictureSource


def test_it_keeps_the_contract() -> None:
    check_source(Limited(PictureSource(5), 3), at_least=3)


def test_it_gives_exactly_so_many_frames() -> None:
    source = Limited(PictureSource(100), 7)
    frames = list(iter(source.read, None))
    assert len(frames) == 7
    assert source.read() is None


def test_a_shorter_source_ends_by_itself() -> None:
    assert len(list(iter(Limited(PictureSource(3), 7).read, None))) == 3
