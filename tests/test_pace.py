from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from edgefer import pace
from edgefer.pace import Batches, Device, Pace
from tests.brokers import until

ONE = {1}
"""A camera of one worker."""


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


def call(batches: Batches, time: Clock, requests: int, seconds: float) -> None:
    batches.begin(range(1000, 1000 + requests))
    time.now += seconds
    batches.end()
    batches.begin(())


def elsewhere(call: Callable[[], object]) -> None:
    """By another thread, to its end."""
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


def test_a_device_that_nobody_measured_is_not_waited_for(time: Clock) -> None:
    device = Device()
    device.expect()
    assert device.busy(ONE) == 0
    with device:
        time.now += 1
        assert device.busy(ONE) == 0


def test_a_device_is_free_once_who_is_there_and_who_comes_have_left(time: Clock) -> None:
    device = Device()
    stay(device, time, 0.05)
    assert device.busy(ONE) == 0
    with device:
        time.now += 0.02
        assert device.busy(ONE) == pytest.approx(0.03)
        elsewhere(device.expect)
        assert device.busy(ONE) == pytest.approx(0.08)
        time.now += 1  # it takes longer than ever
        assert device.busy(ONE) == pytest.approx(0.05)


def test_who_enters_or_does_not_come_is_no_longer_on_the_way(time: Clock) -> None:
    device = Device()
    stay(device, time, 0.05)
    device.expect()
    with device:
        assert device.busy(ONE) == pytest.approx(0.05)
    device.expect()
    device.expect_no_more()
    assert device.busy(ONE) == 0


def test_a_frame_is_taken_so_that_its_detection_ends_when_the_classifier_is_free(
    time: Clock,
) -> None:
    classifier = Device()
    one = Pace(lambda: None, lambda: classifier)
    stay(classifier, time, 0.05)
    one.take(search=True)
    one.done(detection=0.01)
    with classifier:
        assert one.wait() == pytest.approx(0.04)
        time.now += 0.045
        assert one.wait() == 0


def test_a_frame_is_not_taken_while_the_detector_is_busy(time: Clock) -> None:
    detector = Device()
    one = Pace(lambda: detector, lambda: None)
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
    assert device.busy(ONE) == 0


def test_a_device_lets_threads_in_in_the_order_of_arrival() -> None:
    device, order = Device(), list[int]()

    def enter(n: int) -> None:
        with device:
            order.append(n)

    threads = [threading.Thread(target=enter, args=(n,)) for n in range(5)]
    with device:
        for n, thread in enumerate(threads):
            thread.start()
            until(lambda n=n: len(device._lock._line) == n + 1)  # type: ignore[misc]
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3, 4]


def test_an_engine_that_joins_is_free_when_the_call_under_way_ends(time: Clock) -> None:
    batches, me = Batches(), threading.get_ident()
    assert batches.busy({me}) == 0
    call(batches, time, 1, 0.05)
    assert batches.busy({me}) == 0
    batches.begin([2])
    time.now += 0.02
    assert batches.busy({me}) == pytest.approx(0.03)
    elsewhere(batches.expect)
    assert batches.busy({me}) == pytest.approx(0.03), "another camera's frame joins"
    batches.expect()
    assert batches.busy({me}) == pytest.approx(0.08), "a frame of its own goes first"
    time.now += 1  # it takes longer than ever
    assert batches.busy({me}) == pytest.approx(0.05)
    batches.begin([me])
    assert batches.busy({me}) == pytest.approx(0.05), "it is no longer on the way, but inside"
    batches.begin(())
    batches.expect()
    batches.expect_no_more()
    assert batches.busy({me}) == 0


def test_frames_that_may_join_a_batch_are_not_held_where_batches_pay(time: Clock) -> None:
    for two, held in ((0.06, False), (0.11, True)):
        batches = Batches()
        call(batches, time, 1, 0.06)
        for _ in range(5):
            call(batches, time, 2, two)
        batches.begin([1000])
        assert (batches.busy(ONE) > 0) == held, two


def test_many_workers_are_not_held_before_it_is_known_whether_their_batches_pay(
    time: Clock,
) -> None:
    batches = Batches()
    call(batches, time, 1, 0.05)
    batches.begin([1000])
    assert batches.busy({1, 2}) > 0, "of two, one is inside and the other joins nobody"
    assert batches.busy({1, 2, 3}) == 0
    call(batches, time, 3, 0.15)
    batches.begin([1000])
    assert batches.busy({1, 2, 3}) > 0


def test_a_batch_that_was_slow_once_is_tried_again(time: Clock) -> None:
    batches = Batches()
    call(batches, time, 1, 0.05)
    call(batches, time, 2, 3.0)
    batches.begin([1000])
    assert batches.busy({1, 2, 3}) > 0
    for _ in range(pace.TRIED):
        call(batches, time, 1, 0.05)
    batches.begin([1000])
    assert batches.busy({1, 2, 3}) == 0


def test_a_first_call_that_takes_seconds_is_soon_forgotten(time: Clock) -> None:
    batches = Batches()
    call(batches, time, 1, 3.0)
    call(batches, time, 1, 0.05)
    batches.begin([1000])
    assert batches.busy(ONE) == pytest.approx(0.05)


def test_a_pace_follows_models_that_are_replaced(time: Clock) -> None:
    open_now: list[Device | None] = [Device()]
    one = Pace(lambda: open_now[0], lambda: None)
    first = open_now[0]
    assert first is not None
    stay(first, time, 0.02)
    one.take(search=True)
    assert one.wait() == pytest.approx(0.02)
    open_now[0] = None
    assert one.wait() == 0
