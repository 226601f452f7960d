from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import resource
import signal
from pathlib import Path

import pytest

from edgefer.data import Tracked
from edgefer.errors import OutputError
from edgefer.sinks.jsonl import JsonLines, record
from tests.contracts import check_sink
from tests.drivers import reading


def test_it_keeps_the_contract(tmp_path: Path) -> None:
    asyncio.run(check_sink(JsonLines(str(tmp_path / "out.jsonl"))))
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 3


def test_a_line_says_everything(tmp_path: Path) -> None:
    async def scenario() -> None:
        sink = JsonLines(str(tmp_path / "out.jsonl"))
        await sink.put(reading(7))
        await sink.close()

    asyncio.run(scenario())
    record = json.loads((tmp_path / "out.jsonl").read_text())
    assert record["sequence"] == 7
    assert record["ms"] == {"capture": 1.0, "detection": 2.0, "classification": 3.0}
    (face,) = record["faces"]
    assert face["box"] == [4, 4, 28, 28]
    assert face["expression"] == "happy"
    assert face["probability"] == 0.75
    assert sum(face["probs"].values()) == 1
    assert face["landmarks"] is None
    assert (face["track"], face["steady"]) == (None, None)


def test_a_followed_face_has_a_track_and_the_expression_it_holds() -> None:
    shown = reading(7)
    (face,) = shown.faces
    tracked = Tracked(5, face, face.box, 1.0, 9, True, label="sad", probability=0.61234)
    (told,) = record(dataclasses.replace(shown, tracked=(tracked,)))["faces"]
    assert (told["track"], told["expression"]) == (5, "happy")
    assert told["steady"] == {"expression": "sad", "probability": 0.6123}


def test_lines_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("{}\n")
    asyncio.run(check_sink(JsonLines(str(path))))
    assert len(path.read_text().splitlines()) == 4


def test_a_folder_that_is_not_there_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="absent"):
        JsonLines(str(tmp_path / "absent" / "out.jsonl"))


def test_a_full_disk_is_an_output_error() -> None:
    with pytest.raises(OutputError, match="No space left"):
        asyncio.run(check_sink(JsonLines("/dev/full")))


def test_a_line_that_does_not_fit_is_taken_back(tmp_path: Path) -> None:
    """A file size limit cuts a write short, as a disk does that fills."""
    path = tmp_path / "out.jsonl"

    async def scenario() -> None:
        sink = JsonLines(str(path))
        await sink.put(reading(0))
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 50, limits[1]))
        try:
            with pytest.raises(OutputError):
                await sink.put(reading(1))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, ignored)
            await sink.close()

    asyncio.run(scenario())
    lines = path.read_bytes()
    assert lines.endswith(b"}\n")
    assert [json.loads(line)["sequence"] for line in lines.splitlines()] == [0]


def test_standard_output_stays_open(capfd: pytest.CaptureFixture[str]) -> None:
    asyncio.run(check_sink(JsonLines("-")))
    os.write(1, b"still here\n")
    assert capfd.readouterr().out.splitlines()[-1] == "still here"
