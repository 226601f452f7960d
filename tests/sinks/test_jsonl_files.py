from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgefer.errors import OutputError
from edgefer.outputs import JsonlConfig
from edgefer.sinks import jsonl_files as module
from edgefer.sinks.jsonl_files import JsonFiles
from tests.contracts import check_sink
from tests.drivers import reading


def config(folder: Path, **more: Any) -> JsonlConfig:
    return JsonlConfig(path=str(folder / "out.jsonl"), **more)


def write(chosen: JsonlConfig, count: int, **more: Any) -> JsonFiles:
    async def scenario() -> JsonFiles:
        sink = JsonFiles(chosen, **more)
        for n in range(count):
            await sink.write({"n": n})
        await sink.close()
        return sink

    return asyncio.run(scenario())


def numbers(path: Path) -> list[int]:
    return [json.loads(line)["n"] for line in path.read_text().splitlines()]


def test_it_keeps_the_contract(tmp_path: Path) -> None:
    async def scenario() -> None:
        await check_sink(JsonFiles(config(tmp_path)))

    asyncio.run(scenario())
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert [json.loads(line)["sequence"] for line in lines] == [0, 1, 2]


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write(JsonlConfig(path="~/out.jsonl"), 2)
    assert numbers(tmp_path / "out.jsonl") == [0, 1]


def test_files_are_put_aside_by_size_and_the_oldest_go(tmp_path: Path) -> None:
    line = len('{"n":10}\n')
    sink = write(config(tmp_path, size_mb=3 * line / 1e6, count=2), 30)
    names = ["out.jsonl.2", "out.jsonl.1", "out.jsonl"]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(names)
    assert [numbers(tmp_path / name) for name in names] == [
        [21, 22, 23],
        [24, 25, 26],
        [27, 28, 29],
    ]
    assert all((tmp_path / name).stat().st_size <= 3 * line for name in names)
    assert not sink.drops


def test_without_a_count_only_the_newest_is_kept(tmp_path: Path) -> None:
    write(config(tmp_path, size_mb=1e-5, count=0), 5)
    assert [p.name for p in tmp_path.iterdir()] == ["out.jsonl"]
    assert numbers(tmp_path / "out.jsonl") == [4]


def test_a_restart_goes_on_where_the_file_ended(tmp_path: Path) -> None:
    chosen = config(tmp_path, size_mb=2e-5, count=3)
    for _ in range(2):
        write(chosen, 1)
    assert numbers(tmp_path / "out.jsonl") == [0, 0]
    write(chosen, 1)
    assert numbers(tmp_path / "out.jsonl.1") == [0, 0]


@pytest.mark.parametrize(("how", "synced"), [("never", 0), ("interval", 1), ("always", 5)])
def test_the_disk_is_asked_as_often_as_is_set(
    how: str, synced: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(os, "fsync", asked.append)
    write(config(tmp_path, fsync=how, interval=3600), 5)  # interval: once, at the end
    assert len(asked) == synced


@pytest.mark.parametrize("how", ["moved", "removed"])
def test_a_file_that_somebody_takes_away_is_begun_anew(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK", 0.0)
    path = tmp_path / "out.jsonl"

    async def scenario() -> None:
        sink = JsonFiles(config(tmp_path))
        await sink.write({"n": 0})
        if how == "moved":
            path.rename(tmp_path / "moved")
        else:
            path.unlink()
        await sink.write({"n": 1})
        await sink.close()

    asyncio.run(scenario())
    assert numbers(path) == [1]
    if how == "moved":
        assert numbers(tmp_path / "moved") == [0]


def test_a_folder_that_is_not_there_is_an_output_error(tmp_path: Path) -> None:
    async def scenario() -> None:
        JsonFiles(config(tmp_path / "absent"))

    with pytest.raises(OutputError, match="absent"):
        asyncio.run(scenario())


@pytest.mark.parametrize("size_mb", [0.0, 0.0001])
def test_a_full_disk_costs_lines_that_are_counted_and_ends_when_there_is_room(
    size_mb: float, small_disk: Path
) -> None:
    """With and without files to put aside, on a disk that really fills."""
    told: list[str] = []
    stands: list[str] = []
    filler = small_disk / "filler"

    async def scenario() -> tuple[JsonFiles, int]:
        sink = JsonFiles(
            config(small_disk, size_mb=size_mb, count=10_000),
            dropped=told.append,
            report=lambda state, _: stands.append(state),
        )
        await sink.write({"n": 0})
        filler.write_bytes(bytes(shutil.disk_usage(small_disk).free - 8192))
        n = 1
        while sum(sink.drops.values()) < 100:
            await sink.write({"n": n})
            n += 1
        filler.unlink()
        await sink.write({"n": n})
        await sink.close()
        return sink, n

    sink, last = asyncio.run(scenario())
    kept = sorted(number for path in small_disk.iterdir() for number in numbers(path))
    assert len(kept) + 100 == last + 1
    assert (kept[0], kept[-1]) == (0, last)
    assert sink.drops == {"disk full": 100}
    assert told == ["disk full"] * 100
    assert stands[:1] == ["recovering"]
    assert stands[-1:] == ["ok"]


def test_a_line_that_does_not_fit_is_taken_back_and_the_next_that_fits_is_whole(
    tmp_path: Path,
) -> None:
    path = tmp_path / "out.jsonl"

    async def scenario() -> JsonFiles:
        sink = JsonFiles(config(tmp_path))
        await sink.write({"n": 0})
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 50, limits[1]))
        try:
            await sink.put(reading(1))
            await sink.write({"n": 2})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, ignored)
        await sink.close()
        return sink

    sink = asyncio.run(scenario())
    assert numbers(path) == [0, 2]
    assert sink.drops == {"file too large": 1}


def test_a_folder_that_vanishes_and_returns_is_survived(tmp_path: Path) -> None:
    """As a USB disk that is unplugged: noticed when files are put aside."""
    folder, away = tmp_path / "usb", tmp_path / "away"
    folder.mkdir()

    async def scenario() -> JsonFiles:
        sink = JsonFiles(config(folder, size_mb=1e-5))
        await sink.write({"n": 0})
        folder.rename(away)
        for n in (1, 2):
            await sink.write({"n": n})
        away.rename(folder)
        await sink.write({"n": 3})
        await sink.close()
        return sink

    sink = asyncio.run(scenario())
    assert sink.drops == {"no such file or directory": 2}
    assert 3 in numbers(folder / "out.jsonl")


def test_a_put_that_is_cancelled_keeps_the_file_until_it_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, gate = threading.Event(), threading.Event()
    real = os.fsync

    def slow(fd: int) -> None:
        begun.set()
        gate.wait(10)
        real(fd)  # EBADF where the file was taken away

    async def scenario() -> JsonFiles:
        sink = JsonFiles(config(tmp_path, fsync="always"))
        monkeypatch.setattr(os, "fsync", slow)
        put = asyncio.create_task(sink.write({"n": 0}))
        await asyncio.to_thread(begun.wait, 10)
        put.cancel()
        closing = asyncio.create_task(sink.close())
        done, _ = await asyncio.wait([closing], timeout=0.2)
        assert not done
        gate.set()
        await closing
        return sink

    assert not asyncio.run(scenario()).drops


def test_after_close_a_line_is_counted_as_lost(tmp_path: Path) -> None:
    sink = write(replace(config(tmp_path), fsync="always"), 1)
    asyncio.run(sink.write({"n": 1}))
    assert sink.drops == {"closed": 1}
