from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefer.config import TrackingConfig
from edgefer.data import Box, Tracked
from edgefer.tracking import Tracker
from tests.scenes import reading, square

FPS = 30


def tracker(
    *, min_iou: float = 0.3, hits: int = 3, misses: int = 30, seconds: float = 1.0
) -> Tracker:
    return Tracker(TrackingConfig(min_iou, hits, misses, seconds))


def numbers(tracked: tuple[Tracked, ...]) -> list[int]:
    return [one.track for one in tracked]


def test_a_face_that_stands_still_keeps_its_number_and_grows_older() -> None:
    tracks = tracker()
    for n in range(100):
        (one,) = tracks.update(reading(n / FPS, [square(100, 100)]))
        assert (one.track, one.hits) == (1, n + 1)
        assert one.age == pytest.approx(n / FPS)
        assert not tracks.ended


def test_a_track_counts_from_its_third_hit_in_a_row() -> None:
    tracks = tracker(hits=3)
    here, nothing = [square(100, 100)], list[Box]()
    seen = []
    for n, boxes in enumerate([here, here, nothing, here, here, here]):
        seen += [(one.track, one.confirmed) for one in tracks.update(reading(n / FPS, boxes))]
    assert seen == [(1, False), (1, False), (2, False), (2, False), (2, True)]


def test_a_track_that_never_counted_ends_with_its_first_miss() -> None:
    tracks = tracker()
    tracks.update(reading(0.0, [square(100, 100)]))
    tracks.update(reading(0.1, []))
    (ended,) = tracks.ended
    assert (ended.track, ended.first, ended.last, ended.confirmed) == (1, 0.0, 0.0, False)


@pytest.mark.parametrize(("misses", "same"), [(4, True), (5, False)])
def test_a_track_ends_after_so_many_misses(misses: int, same: bool) -> None:
    tracks = tracker(hits=1, misses=5, seconds=100)
    tracks.update(reading(0.0, [square(100, 100)]))
    for n in range(misses):
        tracks.update(reading(n + 1.0, []))
    assert (len(tracks.ended) == 0) is same
    (one,) = tracks.update(reading(10.0, [square(100, 100)]))
    assert (one.track == 1) is same


@pytest.mark.parametrize(("gap", "same"), [(1.0, True), (1.0625, False)])
def test_a_track_ends_when_it_was_not_seen_for_so_long(gap: float, same: bool) -> None:
    tracks = tracker(hits=1, seconds=1.0)
    tracks.update(reading(5.0, [square(100, 100)]))
    (one,) = tracks.update(reading(5.0 + gap, [square(100, 100)]))
    assert (one.track == 1) is same
    assert [ended.last for ended in tracks.ended] == ([] if same else [5.0])


def test_two_faces_that_cross_keep_their_numbers() -> None:
    tracks = tracker()
    for n in range(91):
        step = 6.0 * n  # in opposite directions, one a little higher than the other
        found = numbers(
            tracks.update(reading(n / FPS, [square(100 + step, 300), square(640 - step, 360)]))
        )
        assert found == [1, 2]


def test_two_faces_that_walk_around_each_other_keep_their_numbers() -> None:
    tracks = tracker()
    for n in range(4 * FPS):
        turn = math.pi * n / FPS  # half a turn a second: they change places every second
        across, down = 150 * math.cos(turn), 150 * math.sin(turn)
        boxes = [square(640 + across, 360 + down), square(640 - across, 360 - down)]
        assert numbers(tracks.update(reading(n / FPS, boxes))) == [1, 2]


def test_two_faces_that_change_places_between_two_frames_change_numbers() -> None:
    """The limit of tracking by position, said aloud."""
    tracks = tracker()
    left, right = square(200, 300), square(800, 300)
    for n in range(10):
        tracks.update(reading(n / FPS, [left, right]))
    assert numbers(tracks.update(reading(10 / FPS, [right, left]))) == [2, 1]


def test_a_face_hidden_behind_another_that_passes_has_its_number_after_it() -> None:
    tracks = tracker()
    for n in range(90):
        front, back = square(100 + 8.0 * n, 300, 120), square(450, 300, 100)
        hidden = front.iou(back) > 0.2
        boxes = [front] if hidden else [front, back]
        found = numbers(tracks.update(reading(n / FPS, boxes)))
        assert found == ([1] if hidden else [1, 2])


def test_a_walker_that_is_not_detected_for_half_a_second_is_expected_further_on() -> None:
    tracks = tracker()
    for n in list(range(30)) + list(range(45, 60)):
        found = tracks.update(reading(n / FPS, [square(100 + 8.0 * n, 300)]))
        assert numbers(found) == [1]
    for n in range(60, 75):
        assert tracks.update(reading(n / FPS, [])) == ()
    # 120 px on: without its velocity the track would lie beside the face.
    assert numbers(tracks.update(reading(75 / FPS, [square(100 + 8.0 * 75, 300)]))) == [1]


def test_who_turns_back_while_frames_are_missing_is_found_where_he_was_last_seen() -> None:
    tracks = tracker()
    for n in range(30):
        tracks.update(reading(n / FPS, [square(100 + 8.0 * n, 300)]))
    (expected,) = tracks.predict(45 / FPS)
    back = square(100 + 8.0 * 25, 300)
    assert expected.box.iou(back) < 0.1
    assert numbers(tracks.update(reading(45 / FPS, [back]))) == [1]


def test_where_a_face_was_last_seen_yields_to_where_it_is_expected() -> None:
    tracks = tracker()
    for n in range(30):
        tracks.update(reading(n / FPS, [square(100 + 8.0 * n, 300)]))
    walked, newcomer = square(100 + 8.0 * 45, 300), square(100 + 8.0 * 29, 300)
    assert numbers(tracks.update(reading(45 / FPS, [newcomer, walked]))) == [2, 1]


def test_the_estimate_jitters_less_than_the_detector() -> None:
    tracks, rng = tracker(), random.Random(7)
    seen, estimated = [], []
    for n in range(300):
        box = square(400 + rng.gauss(0, 3), 300 + rng.gauss(0, 3), 100 + rng.gauss(0, 3))
        (one,) = tracks.update(reading(n / FPS, [box]))
        assert one.track == 1
        if n > 30:
            seen.append((box.x1 + box.x2) / 2 - 400)
            estimated.append((one.box.x1 + one.box.x2) / 2 - 400)
    assert sum(x * x for x in estimated) < 0.5 * sum(x * x for x in seen)


def test_dropped_frames_change_no_numbers() -> None:
    tracks, rng = tracker(), random.Random(11)
    for n in range(300):
        if n % 100 > 3 and rng.random() < 0.7:  # three frames in a row confirm a track
            continue
        boxes = [square(100 + 4.0 * n, 200), square(100 + 3.0 * n, 500, 60)]
        assert numbers(tracks.update(reading(n / FPS, boxes))) == [1, 2]


def test_a_frame_of_another_size_shows_the_same_faces() -> None:
    tracks = tracker()
    for n in range(20):
        found = tracks.update(reading(n / FPS, [square(100 + 8.0 * n, 300)], size=(1280, 720)))
    before = found[0].box
    for n in range(20, 40):
        box = square((100 + 8.0 * n) / 2, 150, 50)
        found = tracks.update(reading(n / FPS, [box], size=(640, 360)))
        assert numbers(found) == [1]
        assert found[0].box.iou(box) > 0.9
    assert before.width == pytest.approx(100, abs=1)


def test_a_late_reading_finds_its_tracks_and_changes_none() -> None:
    tracks, untouched = tracker(), tracker()
    for n in range(30):
        now = reading(n / FPS, [square(100 + 8.0 * n, 300)])
        tracks.update(now)
        untouched.update(now)
    late = tracks.update(reading(27 / FPS, [square(100 + 8.0 * 27, 300), square(900, 600)]))
    assert numbers(late) == [1, 2]
    assert not late[1].confirmed
    assert (tracks.late, tracks.ended) == (1, ())
    assert tracks.predict(1.1) == untouched.predict(1.1)
    found = tracks.update(reading(1.0, [square(100 + 8.0 * 30, 300), square(900, 600)]))
    assert numbers(found) == [1, 3]


def test_another_clock_begins_anew() -> None:
    tracks = tracker(hits=1)
    tracks.update(reading(1000.0, [square(100, 100)]))
    assert numbers(tracks.update(reading(3.0, [square(100, 100)]))) == [2]
    assert [ended.track for ended in tracks.ended] == [1]
    assert numbers(tracks.update(reading(3.1, [square(100, 100)]))) == [2]


def test_between_detections_faces_are_expected_where_they_go() -> None:
    tracks = tracker()
    for n in range(0, 60, 5):  # every fifth frame is detected
        tracks.update(reading(n / FPS, [square(100 + 6.0 * n, 300), square(900, 300)]))
    for n in range(56, 60):
        one, other = tracks.predict(n / FPS)
        assert (one.track, other.track) == (1, 2)
        assert one.predicted
        assert one.face.box == one.box
        assert one.face.box.iou(square(100 + 6.0 * n, 300)) > 0.95
        assert one.age == pytest.approx(n / FPS)
    assert tracks.predict(1.9) == tracks.predict(1.9)


def test_only_a_face_that_was_just_detected_and_counts_is_expected() -> None:
    tracks = tracker(hits=2)
    for n in range(3):
        tracks.update(reading(n / FPS, [square(100, 300)]))
    tracks.update(reading(3 / FPS, [square(500, 300)]))
    assert tracks.predict(4 / FPS) == ()
    tracks.update(reading(4 / FPS, [square(500, 300)]))
    assert numbers(tracks.predict(5 / FPS)) == [2]
    assert tracks.predict(4 / FPS + 1.1) == ()


def test_without_frames_tracks_expire_when_told_the_time() -> None:
    tracks = tracker(hits=1, seconds=1.0)
    tracks.update(reading(0.0, [square(100, 300), square(500, 300)]))
    tracks.update(reading(0.5, [square(500, 300)]))
    assert tracks.expire(1.0) == ()
    assert [one.track for one in tracks.expire(1.25)] == [1]
    assert tracks.ended[0].last == 0.0
    assert [one.track for one in tracks.finish()] == [2]
    assert tracks.finish() == ()
    assert numbers(tracks.update(reading(1.3, [square(500, 300)]))) == [3]


boxes = st.lists(
    st.builds(
        Box,
        st.floats(-50, 700),
        st.floats(-50, 500),
        st.floats(-50, 700),
        st.floats(-50, 500),
    ),
    max_size=6,
)
scenes = st.lists(
    st.tuples(st.floats(-2, 2), boxes, st.sampled_from([(640, 480), (320, 240)])), max_size=20
)


@given(scenes)
def test_each_face_has_one_track_and_each_track_one_end(
    steps: list[tuple[float, list[Box], tuple[int, int]]],
) -> None:
    tracks = tracker(hits=2, misses=3)
    ended: list[int] = []
    highest, when = 0, 10.0
    for step, faces, size in steps:
        when += step
        late = tracks.late
        now = reading(when, faces, size=size)
        tracked = tracks.update(now)
        assert tuple(one.face for one in tracked) == now.faces
        found = numbers(tracked)
        assert len(set(found)) == len(found)
        assert not set(found) & set(ended)
        new = [n for n in found if n > highest]
        assert new == list(range(highest + 1, highest + 1 + len(new)))
        highest += len(new)
        assert all(one.age >= 0 for one in tracked)
        if tracks.late > late:
            ended += new  # a late face's number never comes again
        ended += [one.track for one in tracks.ended]
        for one in tracks.predict(when + 0.1):
            assert all(math.isfinite(v) for v in (one.box.x1, one.box.y1, one.box.area))
    ended += [one.track for one in tracks.finish()]
    assert sorted(ended) == list(range(1, highest + 1))


@given(scenes)
def test_the_same_readings_give_the_same_tracks(
    steps: list[tuple[float, list[Box], tuple[int, int]]],
) -> None:
    one, other, when = tracker(), tracker(), 10.0
    for step, faces, size in steps:
        when += step
        now = reading(when, faces, size=size)
        assert one.update(now) == other.update(now)
        assert one.ended == other.ended
