from __future__ import annotations

import io

import pytest

from edgefer.bench.progress import Left, Progress


class Clock:
    """Stands still unless a test moves it."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_the_time_left_counts_the_starts_of_the_rounds_to_come(clock: Clock) -> None:
    left = Left(2, clock=clock)
    assert left.begin() is None
    clock.now += 3
    assert left.at(0.0) is None  # it warms up
    clock.now += 1
    assert left.at(0.2) is None
    clock.now += 2  # 0.4 of a round in 2 s, after 4 s
    assert left.at(0.6) == pytest.approx(0.4 * 5 + (4 + 5))
    clock.now += 3  # 0.8 of a round in 5 s
    assert left.begin() == pytest.approx(4 + 5 / 0.8)


def test_the_time_left_falls_while_a_later_round_warms_up(clock: Clock) -> None:
    left = Left(2, clock=clock)
    left.begin()
    clock.now += 36
    left.at(0.0001)
    clock.now += 10
    assert left.begin() == pytest.approx(36 + 10, rel=0.01)
    clock.now += 20
    assert left.at(0.0) == pytest.approx(16 + 10, rel=0.01)
    clock.now += 40  # longer than the first
    assert left.at(0.0) == pytest.approx(10, rel=0.01)


def test_rounds_that_count_their_frames_at_once_take_what_they_took(clock: Clock) -> None:
    left = Left(3, clock=clock)
    left.begin()
    clock.now += 2
    assert left.begin() == pytest.approx(2 * 2)


def test_an_engine_that_is_slower_moves_its_own_round_and_no_other(clock: Clock) -> None:
    left = Left(4, clock=clock)
    left.begin()
    left.at(0.0001)
    clock.now += 10
    left.begin()
    left.at(0.0001)
    clock.now += 50  # half of it
    assert left.at(0.5) == pytest.approx(50 + 2 * 10, rel=0.01)


def test_runs_of_a_known_time_count_as_long_as_that(clock: Clock) -> None:
    left = Left(1, 2, 600.0, clock)
    left.begin()
    clock.now += 4
    left.at(0.0001)
    clock.now += 10
    assert left.begin() == pytest.approx(2 * (4 + 600))
    clock.now += 4
    left.at(0.0001)
    clock.now += 300
    assert left.at(0.5) == pytest.approx(300 + 4 + 600)
    clock.now += 300
    assert left.begin() == pytest.approx(4 + 600)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_one_line_moves_and_nothing_of_it_stays(clock: Clock) -> None:
    screen = Terminal()
    progress = Progress(screen, clock)
    progress("examining a.onnx", None)
    clock.now += 36
    progress("a.onnx, round 1 of 3", None)
    progress("a.onnx, round 1 of 3", 36.0)
    progress.close()
    shown = screen.getvalue()
    assert "\n" not in shown
    assert "  0 %, 0:36 so far  a.onnx" in shown
    assert " 50 %, 0:36 left  a.onnx" in shown
    assert all(len(part) <= 79 for part in shown.split("\r"))
    assert shown.rsplit("\r", 2)[1].strip() == ""
    assert len(progress.line("a" * 200, 9.0)) == 79


def test_the_bar_never_goes_back(clock: Clock) -> None:
    progress = Progress(Terminal(), clock)
    clock.now += 10
    assert " 50 %, 0:10 left" in progress.line("a", 10.0)
    assert " 50 %, 1:30 left" in progress.line("a", 90.0)
    assert "100 %" in progress.line("done", 0.0)


def test_elsewhere_each_step_is_a_line() -> None:
    log = io.StringIO()
    progress = Progress(log)
    for left in (None, 9.0):
        progress("a.onnx, round 1 of 3", left)
    progress.close()
    assert log.getvalue() == "a.onnx, round 1 of 3 ...\n"
