from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgefer.sensors.processes import tree, usage

CHILD = """
import sys, time
held = bytearray(64 << 20)
began = time.process_time()
while time.process_time() - began < 0.5:
    pass
print("busy no more", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def child() -> Iterator[subprocess.Popen[str]]:
    """A child that has held 64 MiB and computed for half a second, and waits."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "busy no more\n"
        yield process


def test_a_childs_time_and_memory_count(child: subprocess.Popen[str]) -> None:
    alone, together = usage(without=[child.pid]), usage()
    assert alone is not None
    assert together is not None
    assert together.processes == alone.processes + 1
    assert together.cpu_seconds - alone.cpu_seconds >= 0.4
    assert together.peak_rss_bytes - alone.peak_rss_bytes >= 64 << 20


def test_the_time_of_a_child_that_ended_stays_counted() -> None:
    before = usage()
    command = "import time\nwhile time.process_time() < 0.5: pass"
    subprocess.run([sys.executable, "-c", command], check=True)
    after = usage()
    assert before is not None
    assert after is not None
    assert after.cpu_seconds - before.cpu_seconds >= 0.4


def test_the_tree_holds_grandchildren_and_leaves_out_whole_branches(tmp_path: Path) -> None:
    for pid, parent in ((7, 1), (8, 7), (9, 8), (10, 7), (11, 1)):
        folder = tmp_path / str(pid)
        folder.mkdir()
        (folder / "stat").write_text(f"{pid} (a ) b) S {parent} 0 0")
    assert sorted(tree(7, (), tmp_path)) == [7, 8, 9, 10]
    assert sorted(tree(7, (8,), tmp_path)) == [7, 10]


def test_a_process_that_is_gone_has_no_usage(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait(60)
    assert usage(ended.pid) is None
    assert usage(os.getpid(), proc=tmp_path / "absent") is None


def test_reading_the_tree_costs_little_beside_a_period_of_a_second() -> None:
    usage()
    began = time.thread_time()
    for _ in range(5):
        usage()
    assert (time.thread_time() - began) / 5 < 0.25
