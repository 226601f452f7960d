from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefer.config import EventsConfig, TrackingConfig
from edgefer.data import Ended, Expression, Face, Tracked
from edgefer.errors import ConfigError
from edgefer.events import Event, Events, ExpressionChanged, FaceAppeared, FaceLeft
from edgefer.settings import build_section
from edgefer.tracking import Tracker
from tests.scenes import LABELS, looks, reading, square

STEP = 1 / 32
"""Seconds between frames; moments are then exact in binary, and so are the timings below."""
AT_ONCE = EventsConfig(half_life=0.0, margin=0.0, hold=0.0, min_probability=0.0)


def face(track: int, age: float = 0.0, *, confirmed: bool = True) -> Tracked:
    box = square(100.0 * track, 100)
    return Tracked(track, Face(box, 1.0), box, age, 3, confirmed)


def shown(
    events: Events, captured: float, expressions: dict[int, Expression], sequence: int = 0
) -> tuple[Event, ...]:
    """One reading in which these tracks look so."""
    boxes = [square(100.0 * track, 100) for track in expressions]
    now = reading(captured, boxes, list(expressions.values()), sequence=sequence)
    return events.update(now, [face(track, captured) for track in expressions], ())


def changes(events: Sequence[Event]) -> list[tuple[float, str | None, str]]:
    return [
        (one.captured, one.before, one.after)
        for one in events
        if isinstance(one, ExpressionChanged)
    ]


def played(
    config: EventsConfig, looks_at: Sequence[tuple[float, Expression]]
) -> tuple[Events, list[Event]]:
    """One face, shown so at these moments."""
    events, told = Events(config), list[Event]()
    for when, expression in looks_at:
        told += shown(events, when, {1: expression})
    return events, told


def test_a_face_appears_shows_an_expression_and_leaves() -> None:
    events, tracks = Events(EventsConfig()), Tracker(TrackingConfig())
    told: list[Event] = []
    for n in range(96):
        boxes = [square(100, 100)] if n < 48 else []
        now = reading(n * STEP, boxes, [looks("happy")] * len(boxes), sequence=n)
        tracked = tracks.update(now)
        told += events.update(now, tracked, tracks.ended)
    # It counts from its third hit; the expression then leads for the half second of `hold`.
    assert told == [
        FaceAppeared(1, 2, 2 * STEP),
        ExpressionChanged(1, 18, 18 * STEP, None, "happy", 1.0, 18 * STEP),
        FaceLeft(1, 77, 77 * STEP, 47 * STEP),  # 30 misses after frame 47
    ]


def test_a_face_that_does_not_count_yet_is_not_told_of() -> None:
    events = Events(AT_ONCE)
    now = reading(0.0, [square(100, 100)])
    assert events.update(now, [face(1, confirmed=False)], ()) == ()
    assert events.left([Ended(1, 0.0, 0.0, confirmed=False)], 1.0) == ()
    assert not events.suppressed


def test_one_track_is_asked_for_each_face() -> None:
    with pytest.raises(ValueError, match="zip"):
        Events(AT_ONCE).update(reading(0.0, [square(100, 100)]), [], ())


def test_a_new_expression_is_told_exactly_when_it_led_by_the_margin_for_the_hold() -> None:
    # With a half-life of 0.5 s the lead, 1 - 2 * 2^(-t / 0.5), passes 0.49 at t = 0.986 s: the
    # frame at 1 s is the first that sees it. 0.25 s of hold later the change is due.
    config = EventsConfig(half_life=0.5, margin=0.49, hold=0.25, min_probability=0.0)
    frames = [(n * STEP, looks("neutral" if n <= 64 else "sad")) for n in range(64 + 96)]
    _, told = played(config, frames)
    assert changes(told) == [(0.25, None, "neutral"), (3.25, "neutral", "sad")]
    change = told[-1]
    assert isinstance(change, ExpressionChanged)
    assert change.lasted == 3.0
    assert change.probability == pytest.approx(1 - 2 ** (-1.25 / 0.5))


@pytest.mark.parametrize("frames_a_second", [4, 8, 16, 32, 64])
def test_the_moment_of_a_change_does_not_depend_on_the_frame_rate(frames_a_second: int) -> None:
    config = EventsConfig(half_life=0.5, margin=0.49, hold=0.25, min_probability=0.0)
    step = 1 / frames_a_second
    moments = [n * step for n in range(5 * frames_a_second)]
    _, told = played(config, [(t, looks("neutral" if t <= 2 else "sad")) for t in moments])
    assert changes(told)[-1] == (3.25, "neutral", "sad")


@pytest.mark.parametrize(("blink", "told"), [(16, False), (17, True)])
def test_an_expression_that_does_not_last_for_the_hold_is_not_told(blink: int, told: bool) -> None:
    config = EventsConfig(half_life=0.0, margin=0.2, hold=0.5, min_probability=0.0)
    frames = [looks("neutral")] * 32 + [looks("happy")] * blink + [looks("neutral")] * 32
    _, events = played(config, [(n * STEP, one) for n, one in enumerate(frames)])
    assert ("happy" in [after for _, _, after in changes(events)]) is told


def test_a_lead_that_breaks_off_begins_again() -> None:
    config = EventsConfig(half_life=0.0, margin=0.2, hold=0.5, min_probability=0.0)
    frames = [looks("neutral")] * 32
    frames += ([looks("happy")] * 12 + [looks("neutral")]) * 20
    _, events = played(config, [(n * STEP, one) for n, one in enumerate(frames)])
    assert [after for _, _, after in changes(events)] == ["neutral"]


@pytest.mark.parametrize(
    ("config", "probability", "told"),
    [
        (EventsConfig(half_life=0, hold=0, margin=0.25, min_probability=0), 0.5, True),
        (EventsConfig(half_life=0, hold=0, margin=0.2501, min_probability=0), 0.5, False),
        (EventsConfig(half_life=0, hold=0, margin=0, min_probability=0.5), 0.5, True),
        (EventsConfig(half_life=0, hold=0, margin=0, min_probability=0.51), 0.5, False),
    ],
)
def test_margin_and_least_probability_are_bounds(
    config: EventsConfig, probability: float, told: bool
) -> None:
    frames = [(0.0, looks("neutral")), (1.0, looks("sad", probability))]
    _, events = played(config, frames)
    assert (changes(events)[1:] == [(1.0, "neutral", "sad")]) is told


def test_a_tie_is_no_lead() -> None:
    even = Expression(LABELS, (0.25, 0.25, 0.5)), Expression(LABELS, (0.5, 0.0, 0.5))
    _, events = played(AT_ONCE, [(0.0, even[0]), (1.0, even[1])])
    assert [after for _, _, after in changes(events)] == ["sad"]


def test_a_second_look_at_the_same_or_an_earlier_moment_adds_nothing() -> None:
    frames = [(1.0, looks("neutral")), (1.0, looks("sad")), (0.5, looks("happy"))]
    _, events = played(AT_ONCE, frames)
    assert [after for _, _, after in changes(events)] == ["neutral"]


def test_another_models_labels_start_afresh() -> None:
    other = ("fear", "neutral")
    frames = [(0.0, looks("sad")), (1.0, looks("fear", labels=other))]
    _, events = played(AT_ONCE, frames)
    assert changes(events) == [(0.0, None, "sad"), (1.0, "sad", "fear")]


def test_a_thousand_frames_of_flicker_are_no_flood() -> None:
    """Uniform noise: each frame says something else, and nothing lasts."""
    rng = random.Random(3)
    frames, raw, before = [], 0, ""
    for n in range(1000):
        parts = [rng.random() for _ in LABELS]
        expression = Expression(LABELS, tuple(part / sum(parts) for part in parts))
        raw += expression.label != before
        before = expression.label
        frames.append((n / 30, expression))
    _, told = played(EventsConfig(), frames)
    assert raw > 600
    assert len(changes(told)) <= 1


def test_flicker_between_two_certain_expressions_is_no_flood() -> None:
    frames = [(n / 30, looks(LABELS[n // 2 % 2])) for n in range(1000)]
    _, told = played(EventsConfig(), frames)
    assert len(changes(told)) <= 1


def test_a_limit_on_one_face_counts_what_it_holds_back_and_makes_up_for_it() -> None:
    config = dataclasses.replace(AT_ONCE, per_track=2)
    frames = [(0.0, "neutral"), (1.0, "happy"), (2.0, "sad"), (3.0, "happy"), (4.0, "sad")]
    events, told = played(config, [(when, looks(label)) for when, label in frames])
    assert changes(told) == [(0.0, None, "neutral"), (1.0, "neutral", "happy")]
    # sad and happy again cancel out; the last sad waits.
    assert events.suppressed == {("expression_changed", "track"): 2}
    assert changes(shown(events, 59.0, {1: looks("sad")})) == []
    (late,) = shown(events, 60.0, {1: looks("sad")})
    assert isinstance(late, ExpressionChanged)
    assert (late.before, late.after, late.lasted) == ("happy", "sad", 3.0)
    assert events.suppressed == {("expression_changed", "track"): 2}
    (after,) = shown(events, 120.0, {1: looks("happy")})
    assert isinstance(after, ExpressionChanged)
    assert after.lasted == 116.0  # since it looked sad, not since that was told


def test_a_limit_on_all_faces_holds_back_appearances_until_there_is_room() -> None:
    events = Events(dataclasses.replace(AT_ONCE, overall=3))
    neutral = looks("neutral")
    told = shown(events, 0.0, {1: neutral, 2: neutral, 3: neutral})
    assert [type(one).__name__ for one in told] == [
        "FaceAppeared",
        "ExpressionChanged",
        "FaceAppeared",
    ]
    # A face that was never told of leaves without a word, but counted; the other one with one.
    over = [Ended(2, 0.0, 0.0, confirmed=True), Ended(3, 0.0, 0.0, confirmed=True)]
    assert events.left(over, 1.0) == (FaceLeft(2, 0, 1.0, 0.0),)
    assert events.suppressed == {
        ("face_appeared", "overall"): 1,
        ("face_left", "overall"): 1,
        ("expression_changed", "overall"): 2,
    }
    assert len(shown(events, 60.0, {4: neutral})) == 2


def test_a_clock_that_began_anew_does_not_close_the_limits() -> None:
    events = Events(dataclasses.replace(AT_ONCE, overall=1))
    assert len(shown(events, 10_000.0, {1: looks("sad")})) == 1
    assert len(shown(events, 5.0, {2: looks("sad")})) == 1


def test_between_detections_events_take_what_is_predicted() -> None:
    events, tracks, told = Events(EventsConfig()), Tracker(TrackingConfig()), list[Event]()
    for n in range(64):
        when, detected = n * STEP, n % 4 == 0
        now = reading(when, [square(100.0 + n, 100)], [looks("happy")], sequence=n)
        tracked = tracks.update(now) if detected else tracks.predict(when)
        if not tracked:  # nobody counts yet: there is no face to classify
            now = reading(when, [], sequence=n)
        told += events.update(now, tracked, tracks.ended if detected else ())
    assert told == [
        FaceAppeared(1, 8, 8 * STEP),
        ExpressionChanged(1, 24, 24 * STEP, None, "happy", 1.0, 24 * STEP),
    ]


def test_records_are_json_with_the_fields_in_a_fixed_order() -> None:
    told: list[Event] = [
        FaceAppeared(3, 71, 12.41),
        ExpressionChanged(3, 95, 13.22, None, "happy", 0.83, 0.81),
        FaceLeft(3, 400, 24.0, 10.6),
    ]
    assert [json.dumps(one.as_record()) for one in told] == [
        '{"event": "face_appeared", "track": 3, "sequence": 71, "captured": 12.41}',
        '{"event": "expression_changed", "track": 3, "sequence": 95, "captured": 13.22, '
        '"before": null, "after": "happy", "probability": 0.83, "lasted": 0.81}',
        '{"event": "face_left", "track": 3, "sequence": 400, "captured": 24.0, "duration": 10.6}',
    ]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (EventsConfig, {"half_life": -1}),
        (EventsConfig, {"margin": 1.5}),
        (EventsConfig, {"per_track": 0}),
        (EventsConfig, {"overall": 1.5}),
        (TrackingConfig, {"min_iou": 0}),
        (TrackingConfig, {"hits": 0}),
        (TrackingConfig, {"misses": 0}),
        (TrackingConfig, {"seconds": 0.0}),
        (TrackingConfig, {"second": 1.0}),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(kind: type, values: dict[str, float]) -> None:
    assert build_section(kind, {}, "section") == kind()
    with pytest.raises(ConfigError):
        build_section(kind, values, "section")


probs = st.lists(st.integers(1, 100), min_size=3, max_size=3).map(
    lambda parts: Expression(LABELS, tuple(part / sum(parts) for part in parts))
)
steps = st.lists(
    st.tuples(st.sampled_from([0.0, 0.25, 1.0, 20.0, 70.0]), st.lists(probs, max_size=4)),
    max_size=30,
)
configs = st.builds(
    EventsConfig,
    half_life=st.sampled_from([0.0, 0.5]),
    margin=st.sampled_from([0.0, 0.2]),
    hold=st.sampled_from([0.0, 0.5]),
    min_probability=st.sampled_from([0.0, 0.4]),
    per_track=st.integers(1, 3),
    overall=st.integers(1, 6),
)


def watched(
    config: EventsConfig, scene: list[tuple[float, list[Expression]]]
) -> tuple[Events, list[Event]]:
    """Faces side by side, as many as each step has; the last ones leave first."""
    events, tracks, when = Events(config), Tracker(TrackingConfig(hits=1, misses=2)), 0.0
    told: list[Event] = []
    for n, (step, expressions) in enumerate(scene):
        when += step
        boxes = [square(150.0 * place, 100) for place in range(len(expressions))]
        now = reading(when, boxes, expressions, sequence=n)
        tracked = tracks.update(now)
        told += events.update(now, tracked, tracks.ended)
    told += events.left(tracks.finish(), when)
    return events, told


@given(configs, steps)
def test_each_face_is_told_of_in_order_and_each_change_is_one(
    config: EventsConfig, scene: list[tuple[float, list[Expression]]]
) -> None:
    _, told = watched(config, scene)
    label: dict[int, str | None] = {}
    over = set()
    for one in told:
        assert one.track not in over
        if isinstance(one, FaceAppeared):
            assert one.track not in label
            label[one.track] = None
        elif isinstance(one, ExpressionChanged):
            assert one.before == label[one.track]
            assert one.after != one.before
            assert one.lasted >= 0
            label[one.track] = one.after
        else:
            assert one.track in label
            over.add(one.track)
    assert over == set(label)


@given(configs, steps)
def test_no_minute_has_more_than_its_limit(
    config: EventsConfig, scene: list[tuple[float, list[Expression]]]
) -> None:
    _, told = watched(config, scene)
    limited = [one for one in told if not isinstance(one, FaceLeft)]
    for n, one in enumerate(limited):
        minute = [other for other in limited[n:] if other.captured - one.captured < 60]
        assert len(minute) <= config.overall
        same = [other for other in minute if isinstance(other, ExpressionChanged)]
        assert sum(other.track == one.track for other in same) <= config.per_track


@given(configs, steps)
def test_what_is_not_told_is_counted_and_nothing_else(
    config: EventsConfig, scene: list[tuple[float, list[Expression]]]
) -> None:
    events, told = watched(config, scene)
    free, wanted = watched(dataclasses.replace(config, per_track=10**6, overall=10**6), scene)
    assert not free.suppressed
    for kind in ("face_appeared", "face_left", "expression_changed"):
        out = sum(one.as_record()["event"] == kind for one in told)
        held = sum(n for (what, _), n in events.suppressed.items() if what == kind)
        assert out + held == sum(one.as_record()["event"] == kind for one in wanted)


@given(steps, st.sampled_from(LABELS))
def test_without_a_change_there_is_no_change_told(
    scene: list[tuple[float, list[Expression]]], label: str
) -> None:
    same = [(step, [looks(label, 0.9)] * len(faces)) for step, faces in scene]
    _, told = watched(EventsConfig(hold=0.25), same)
    assert {one.after for one in told if isinstance(one, ExpressionChanged)} <= {label}
    changed = [one.track for one in told if isinstance(one, ExpressionChanged)]
    assert len(set(changed)) == len(changed)


def test_events_bear_the_number_of_the_newest_frame_also_after_a_source_counts_anew() -> None:
    events = Events(EventsConfig())
    shown_to = Tracker(TrackingConfig(hits=1))
    numbers = []
    for n, sequence in enumerate((7, 0)):
        at = float(n * 10)
        look = reading(at, [square(100 + 500 * n, 100)], sequence=sequence)
        tracked = shown_to.update(look)
        told = events.update(look, tracked, shown_to.ended)
        numbers += [event.sequence for event in told if isinstance(event, FaceAppeared)]
    assert numbers == [7, 0]
