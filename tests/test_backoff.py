from __future__ import annotations

from collections.abc import Iterable

import pytest

from edgefer.backoff import Backoff


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def check(backoff: Backoff, whole: Iterable[float]) -> None:
    """The next pauses are these, shortened by half at most."""
    for due in whole:
        assert due / 2 <= backoff.pause() <= due


def test_pauses_double_up_to_the_longest_and_are_never_cut_below_half() -> None:
    check(Backoff(1, 8), (1, 2, 4, 8, 8, 8))


def test_pauses_are_shortened_by_chance() -> None:
    assert len({Backoff(1, 8).pause() for _ in range(20)}) > 1


def test_what_never_goes_well_waits_longer_however_long_its_attempts_take() -> None:
    clock = Clock()
    backoff = Backoff(1, 8, clock=clock)
    for due in (1, 2, 4, 8):
        check(backoff, [due])
        clock.now += 3600


@pytest.mark.parametrize(("well", "due"), [(9.9, 16), (10.1, 1)])
def test_pauses_begin_anew_after_the_steady_time(well: float, due: float) -> None:
    clock = Clock()
    backoff = Backoff(1, 100, steady=10, clock=clock)
    check(backoff, (1, 2, 4, 8))
    backoff.went_well()
    clock.now += well
    check(backoff, [due])


@pytest.mark.parametrize(("well", "due"), [(7.9, 8), (8.1, 1)])
def test_the_steady_time_is_the_pause_that_is_due_where_none_is_given(
    well: float, due: float
) -> None:
    clock = Clock()
    backoff = Backoff(1, 100, clock=clock)
    check(backoff, (1, 2, 4))
    backoff.went_well()
    clock.now += well
    check(backoff, [due])


def test_time_counts_from_the_first_success_and_only_until_the_next_failure() -> None:
    clock = Clock()
    backoff = Backoff(1, 100, steady=10, clock=clock)
    check(backoff, (1, 2))
    for _ in range(3):  # every frame says so
        backoff.went_well()
        clock.now += 4
    check(backoff, (1, 2))
    clock.now += 3600  # nothing went well since
    check(backoff, [4])
