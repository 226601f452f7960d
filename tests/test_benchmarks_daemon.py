"""`benchmarks.start` and `benchmarks.overload` measure what they say; how fast is for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import start
from benchmarks.overload import SCENES, older, overloaded, sharing
from edgefer.data import StageTimes
from edgefer.timing import Tally
from tests.drivers import reading


def test_a_frame_is_as_much_older_as_it_waited() -> None:
    tally = Tally()
    for n in range(3):
        tally.add(reading(n, times=StageTimes(0.0, 0.004, 0.006), published=0.02))
    assert older(tally) == pytest.approx(2.0)


@pytest.mark.parametrize("workers", [2, 4])
def test_frames_of_an_overloaded_camera_do_not_wait_in_line(workers: int) -> None:
    """By 1.25 on an idle machine; a line of two would be 1.8, of four 3.4."""
    tally = overloaded(20, workers)
    assert tally.frames == 20
    assert tally.dropped > 5
    assert 1 <= older(tally) < 1.7


@pytest.mark.parametrize("name", ["the same where batches do not pay", "one camera, slow detector"])
def test_frames_do_not_wait_in_line_for_models_that_cameras_share(name: str) -> None:
    """By 1.3 of 3.1, and 1.4 of 2.2, on an idle machine."""
    scene = next(scene for scene in SCENES if scene.name == name)
    seen, before = (sharing(scene, 1.5, paced=paced) for paced in (True, False))
    assert seen.age < 0.85 * before.age
    assert seen.fps > 0.5 * before.fps


def test_cameras_whose_frames_join_lose_none_to_pacing() -> None:
    scene = next(scene for scene in SCENES if scene.name == "2 cameras")
    seen, before = (sharing(scene, 1.5, paced=paced) for paced in (True, False))
    assert seen.fps > 0.7 * before.fps


def test_a_daemon_s_first_reading_comes_and_its_memory_is_told() -> None:
    pytest.importorskip("starlette", reason="pip install 'edgefer[daemon]'")
    rss, pss = start.megabytes(start.OWN, 0.0)
    assert 20 < pss < rss < 1000


def test_a_daemon_that_ends_gives_no_time(tmp_path: Path) -> None:
    with (
        start.Started("nowhere://", tmp_path) as daemon,
        pytest.raises(RuntimeError, match="nowhere"),
    ):
        daemon.first_reading()
