from __future__ import annotations

import pytest

from edgefer.health import Health, Verdict

GOOD = Verdict(True, ())


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(clock)


def test_a_part_that_starts_is_alive_and_not_ready(health: Health) -> None:
    health.part("engine")
    assert health.live() == GOOD
    assert health.ready() == Verdict(False, ("engine: starting",))


def test_nothing_at_all_is_not_ready(health: Health) -> None:
    assert not health.ready().good


def test_a_part_that_stops_progressing_is_neither_alive_nor_ready(
    health: Health, clock: Clock
) -> None:
    detection = health.part("detection", patience=2)
    detection.report("ok")
    clock.now += 2
    assert health.live() == health.ready() == GOOD
    clock.now += 0.5
    reason = ("detection: no progress for 2.5 s; 2 s are allowed",)
    assert health.live() == health.ready() == Verdict(False, reason)
    detection.progress()
    assert health.live() == health.ready() == GOOD
    clock.now += 3
    detection.progress(ago=2.5)
    assert not health.live().good
    detection.progress(ago=1)
    detection.progress(ago=2.5)  # what is known stays known
    assert health.live() == GOOD


def test_a_declared_recovery_is_alive_for_as_long_as_is_allowed(
    health: Health, clock: Clock
) -> None:
    camera = health.part("camera", patience=2)
    engine = health.part("engine", allowed=60)
    camera.report("recovering", "/dev/video0 is gone")
    engine.report("recovering", "loading")
    clock.now += 60
    assert health.live() == GOOD
    assert health.ready().reasons == ("camera: /dev/video0 is gone", "engine: loading")
    clock.now += 1
    reason = "engine: recovering for 61.0 s (loading); 60 s are allowed"
    assert health.live() == Verdict(False, (reason,))


def test_a_new_reason_does_not_prolong_a_recovery(health: Health, clock: Clock) -> None:
    engine = health.part("engine", allowed=10)
    for attempt in range(4):
        engine.report("recovering", f"attempt {attempt}")
        clock.now += 3
    assert not health.live().good


def test_patience_begins_when_a_recovery_ends(health: Health, clock: Clock) -> None:
    camera = health.part("camera", patience=2)
    camera.report("recovering", "gone")
    clock.now += 1000
    camera.report("ok")
    clock.now += 1
    assert health.live() == GOOD


def test_saying_ok_again_is_no_progress(health: Health, clock: Clock) -> None:
    part = health.part("detection", patience=2)
    part.report("ok")
    for _ in range(3):
        clock.now += 1
        part.report("ok")
    assert not health.live().good


def test_what_failed_is_dead(health: Health) -> None:
    health.part("engine").report("failed", "restarted 5 times in 60 s")
    assert health.live() == Verdict(False, ("engine: restarted 5 times in 60 s",))


def test_a_part_that_is_not_needed_does_not_hold_up_readiness(health: Health) -> None:
    health.part("detection").report("ok")
    mqtt = health.part("mqtt", needed=False)
    mqtt.report("recovering", "Connection refused")
    assert health.ready() == Verdict(True, (), ("mqtt: Connection refused",))
    mqtt.report("failed", "bug")
    assert not health.live().good


def test_a_state_stands_since_it_began_whatever_the_reason(health: Health, clock: Clock) -> None:
    part = health.part("camera")
    clock.now += 5
    part.report("recovering", "gone")
    since = part.standing.since
    clock.now += 5
    part.report("recovering", "still gone")
    assert (part.standing.reason, part.standing.since) == ("still gone", since)
    part.report("ok")
    assert part.standing.since == since + 5


def test_a_name_is_one_part(health: Health) -> None:
    health.part("camera")
    with pytest.raises(ValueError, match="camera"):
        health.part("camera")
    health.remove("camera")
    health.part("camera")


def test_what_is_not_needed_is_noted_and_so_is_a_reservation() -> None:
    health = Health()
    camera, broker = health.part("camera"), health.part("mqtt", needed=False)
    camera.report("ok", "black for 10 s")
    broker.report("recovering", "connection refused")
    verdict = health.ready()
    assert verdict.good
    assert verdict.notes == ("mqtt: connection refused", "camera: black for 10 s")
    broker.report("ok")
    camera.report("ok")
    assert health.ready().notes == ()
