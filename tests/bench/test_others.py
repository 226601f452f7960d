from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgefer.bench.others import busy_seconds, others_percent
from tests.drivers import Ledger


def test_what_keeps_a_processor_busy_is_counted_whoever_does_it() -> None:
    before = busy_seconds()
    Ledger().busy(0.3, lambda: None)
    after = busy_seconds()
    assert before is not None
    assert after is not None
    assert after - before >= 0.2


def test_idle_time_and_processors_of_others_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1})
    tick = os.sysconf("SC_CLK_TCK")
    stat = tmp_path / "stat"
    stat.write_text(f"cpu 9 9 9 9 9 9 9 9 0 0\ncpu0 7 7 7 7 7 7 7 7 0 0\n"
                    f"cpu1 {tick} {tick} {tick} 999 999 0 0 {tick} 0 0\nintr 5\n")  # fmt: skip
    assert busy_seconds(stat) == 4
    assert busy_seconds(tmp_path / "absent") is None


def test_ones_own_work_is_not_that_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    assert others_percent(busy=15.0, own=10.0, seconds=10.0) == pytest.approx(25)
    assert others_percent(busy=9.9, own=10.0, seconds=10.0) == 0
