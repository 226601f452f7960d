from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgefer.bench.others import Busy, busy_seconds, cost_percent, lost_percent, others_percent
from tests.drivers import Ledger


def test_what_keeps_a_processor_busy_is_counted_whoever_does_it() -> None:
    before = busy_seconds()
    Ledger().busy(0.3, lambda: None)
    after = busy_seconds()
    assert before is not None
    assert after is not None
    assert after.seconds - before.seconds >= 0.2


def test_idle_time_and_processors_of_others_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1})
    tick = os.sysconf("SC_CLK_TCK")
    stat = tmp_path / "stat"
    stat.write_text(f"cpu 9 9 9 9 9 9 9 9 0 0\ncpu0 7 7 7 7 7 7 7 7 0 0\n"
                    f"cpu1 {tick} {tick} {tick} 999 999 0 0 {tick} 0 0\nintr 5\n")  # fmt: skip
    assert busy_seconds(stat) == Busy(4, stolen=1)
    assert busy_seconds(tmp_path / "absent") is None


def test_ones_own_work_is_not_that_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    assert others_percent(busy=15.0, own=10.0, seconds=10.0) == pytest.approx(25)
    assert others_percent(busy=9.9, own=10.0, seconds=10.0) == 0


def test_others_on_an_idle_core_took_away_no_more_than_one_waited() -> None:
    assert lost_percent(busy=12.4, own=9.9, waited=0.1, seconds=10) == pytest.approx(1)
    assert lost_percent(busy=12.4, own=9.9, waited=0.0, seconds=10) == 0


def test_ones_own_threads_waiting_for_each_other_lose_nothing_to_others() -> None:
    assert lost_percent(busy=20.0, own=20.0, waited=15.0, seconds=10) == 0
    assert lost_percent(busy=20.0, own=19.0, waited=15.0, seconds=10) == pytest.approx(5)


def test_where_all_processors_are_busy_what_others_took_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    lost = lost_percent(busy=20.0, own=12.0, waited=9.0, seconds=10)
    assert lost == pytest.approx(others_percent(busy=20.0, own=12.0, seconds=10))
    assert cost_percent(lost, lost) == lost


def test_who_mostly_waits_for_a_device_loses_less_than_his_share_of_the_processors() -> None:
    assert lost_percent(busy=11.0, own=1.0, waited=0.5, seconds=10) == pytest.approx(5)


def test_what_others_cost_lies_between_what_they_took_away_and_all_they_took() -> None:
    assert 1 < cost_percent(12.0, 1.0) < 5
    assert cost_percent(12.0, None) == 12
    assert cost_percent(None, None) == 0
    assert cost_percent(20.0, 30.0) == 30
