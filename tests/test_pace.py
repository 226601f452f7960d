from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from edgefer import pace
from edgefer.pace import Device, Pace


class Clock:
    """Stands still unless told."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pace, "clock", clock)
    return clock


def stay(device: Device, time: Clock, seconds: float) -> None:
    with device:
        time.now += seconds


def elsewhere(call: Callable[[], object]) -> None:
    """By another thread, to its end."""
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


def test_a_device_that_nobody_measured_is_not_waited_for(time: Clock) -> None:
    device = Device()
    device.expect()
    assert device.busy() == 0
    with device:
        time.now += 1
        assert device.busy() == 0


def test_a_device_is_free_once_who_is_there_and_who_comes_have_left(time: Clock) -> None:
    device = Device()
    stay(device, time, 0.05)
    assert device.busy() == 0
    with device:
        time.now += 0.02
        assert device.busy() == pytest.approx(0.03)
        elsewhere(device.expect)
        assert device.busy() == pytest.approx(0.08)
        time.now += 1  # it takes longer than ever
        assert device.busy() == pytest.approx(0.05)


def test_who_enters_or_does_not_come_is_no_longer_on_the_way(time: Clock) -> None:
    device = Device()
    stay(device, time, 0.05)
    device.expect()
    with device:
        assert device.busy() == pytest.approx(0.05)
    device.expect()
    device.expect_no_more()
    assert device.busy() == 0


def test_a_frame_is_taken_so_that_its_detection_ends_when_the_classifier_is_free(
    time: Clock,
) -> None:
    classifier = Device()
    one = Pace(None, classifier)
    stay(classifier, time, 0.05)
    one.take(search=True)
    one.done(detection=0.01)
    with classifier:
        assert one.wait() == pytest.approx(0.04)
        time.now += 0.045
        assert one.wait() == 0


def test_a_frame_is_not_taken_while_the_detector_is_busy(time: Clock) -> None:
    detector = Device()
    one = Pace(detector, None)
    stay(detector, time, 0.02)
    with detector:
        assert one.wait() == pytest.approx(0.02)
        time.now += 0.02
    one.take(search=False)
    assert one.wait() == 0, "a frame that is not searched does not come by"
    one.take(search=True)
    assert one.wait() == pytest.approx(0.02)
    one.done(detection=0.0)
    assert one.wait() == 0, "it was lost on the way"


def test_one_thread_at_a_time_is_inside() -> None:
    device, inside, seen = Device(), 0, []

    def enter() -> None:
        nonlocal inside
        with device:
            inside += 1
            seen.append(inside)
            inside -= 1

    threads = [threading.Thread(target=enter) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [1] * 8
    assert device.busy() == 0
