from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgefer.sensors.processes import Usage, tree, usage, waited_seconds

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


def thread(folder: Path, pid: int, number: int, schedstat: str) -> None:
    """A process `pid`, which has that thread."""
    task = folder / str(pid) / "task" / str(number)
    task.mkdir(parents=True)
    (task / "schedstat").write_text(schedstat)
    (folder / str(pid) / "stat").write_text(f"{pid} (a) S 1 {' '.join(['0'] * 20)}")
    (folder / str(pid) / "status").write_text("VmHWM: 4 kB")


def test_what_each_thread_waited_is_read_in_seconds(tmp_path: Path) -> None:
    thread(tmp_path, 7, 7, "2000000000 500000000 12\n")
    thread(tmp_path, 7, 8, "1000 0 1\n")
    found = usage(7, proc=tmp_path)
    assert found is not None
    assert found.waited == {7: 0.5, 8: 0}


def test_a_kernel_that_counts_no_waits_shows_none(tmp_path: Path) -> None:
    thread(tmp_path, 7, 7, "0 0 0\n")  # how a kernel without CONFIG_SCHED_INFO has it
    found = usage(7, proc=tmp_path)
    assert found is not None
    assert found.waited is None
    assert waited_seconds([found, found]) is None


def test_waits_of_threads_that_end_and_begin_are_added_up() -> None:
    readings = [Usage(0, 0, 1, waited) for waited in ({1: 5.0, 2: 1.0}, {1: 5.5, 3: 0.25}, {3: 1})]
    assert waited_seconds(readings) == pytest.approx(0.5 + 0.25 + 0.75)


def test_who_shares_a_core_waits_for_it() -> None:
    core = min(os.sched_getaffinity(0))
    command = f"import os; os.sched_setaffinity(0, [{core}])\nprint(flush=True)\nwhile 1: pass"
    both = [subprocess.Popen([sys.executable, "-c", command], stdout=subprocess.PIPE)
            for _ in range(2)]  # fmt: skip
    try:
        for one in both:
            assert one.stdout is not None
            one.stdout.readline()
        first = usage(both[0].pid)
        assert first is not None
        if first.waited is None:
            pytest.skip("this kernel counts no waits: it wants CONFIG_SCHED_INFO")
        ran = waited = 0.0
        ends = time.monotonic() + 30
        while ran < 0.3:
            assert time.monotonic() < ends, "it does not run"
            now = usage(both[0].pid)
            assert now is not None
            ran, waited = now.cpu_seconds - first.cpu_seconds, waited_seconds([first, now]) or 0.0
        assert waited > 0.3 * ran
    finally:
        for one in both:
            with one:
                one.kill()


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
