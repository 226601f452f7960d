from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgefer.daemon.budget import Budget


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_budget_is_spent_and_comes_back_with_time() -> None:
    clock = Clock()
    budget = Budget(2, 60, clock)
    assert [budget.spend() for _ in range(3)] == [True, True, False]
    clock.now = 59.9
    assert not budget.spend()
    clock.now = 60
    assert budget.spend()


def test_a_budget_of_none_allows_none() -> None:
    assert not Budget(0, 60).spend()


@given(st.lists(st.floats(0, 100), max_size=60), st.integers(0, 5))
def test_no_window_ever_holds_more_than_the_budget(gaps: list[float], restarts: int) -> None:
    clock = Clock()
    budget, spent = Budget(restarts, 50, clock), []
    for gap in gaps:
        clock.now += gap
        if budget.spend():
            spent.append(clock.now)
    for at in spent:
        assert sum(at <= other < at + 50 for other in spent) <= restarts
