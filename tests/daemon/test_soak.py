"""The soak, short: what a leak of one descriptor or one thread a reconnect would show at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, mode

import pytest

from benchmarks.soak import Sample, full_rate, reconnecting

pytestmark = pytest.mark.timeout(300)

SETTLED = 10
"""Samples after which everything has been opened once."""

ROOM_KB = 8000
"""What memory may grow by in so short a time: caches fill."""


def check_flat(samples: Sequence[Sample]) -> None:
    """As many descriptors and threads in the second half as in the first, and no child that
    nobody fetched; memory within bounds."""
    settled = samples[SETTLED:]
    early, late = settled[: len(settled) // 2], settled[len(settled) // 2 :]
    assert mode(s.fds for s in early) == mode(s.fds for s in late)
    assert {s.threads for s in settled} == {settled[0].threads}
    assert late[-1].zombies <= 1  # one may just have died
    assert fmean(s.rss_kb for s in late) < fmean(s.rss_kb for s in early) + ROOM_KB


def test_forty_reconnects_leave_nothing_behind(tmp_path: Path) -> None:
    samples: list[Sample] = []
    reconnecting(tmp_path, 40, samples.append, every=0.1)
    assert samples[-1].reconnects >= 40
    check_flat(samples)


def test_twenty_seconds_at_full_rate_leave_nothing_behind(tmp_path: Path) -> None:
    samples: list[Sample] = []
    heard = full_rate(tmp_path, 20, samples.append, every=0.2)
    assert samples[-1].frames > samples[SETTLED].frames
    assert heard["mqtt_messages"] > 20
    assert heard["posts"] > 0
    check_flat(samples)
