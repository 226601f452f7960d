"""Records as lines: on a pipe, on a terminal, and on what systemd calls the journal."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefer.credentials import Secret
from edgefer.daemon.logs import ALIKE, LINE, MINUTE, OF_ONE_LOGGER, Lines, as_json, as_text

NASTY = st.text() | st.text(alphabet='\n\r\0\x1b"=\\\x85\u2028\ud800é😀', max_size=30_000)


def record(message: object = "", *args: object, exc: bool = False, **extra: Any) -> Any:
    if exc:
        try:
            raise ValueError("first\nsecond rtsp://me:secret@cam/1")
        except ValueError:
            return record(message, *args, exc_info=sys.exc_info(), **extra)
    base = {"name": "edgefer.daemon.camera", "levelname": "INFO", "levelno": 20, "created": 1.5}
    return logging.makeLogRecord({**base, "msg": message, "args": args, **extra})


class Said:
    """A handler on a file, a clock that stands, and what was written."""

    def __init__(self, folder: Path, style: str = "json") -> None:
        self.now = 100.0
        self._path = folder / "log"
        self._fd = os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        self.handler = Lines(self._fd, style, clock=lambda: self.now)
        self.logger = logging.Logger("edgefer.tests")
        self.logger.addHandler(self.handler)

    def lines(self) -> list[str]:
        return self._path.read_text(encoding="utf-8").splitlines()

    def messages(self) -> list[str]:
        return [json.loads(line)["message"] for line in self.lines()]

    def close(self) -> None:
        self.handler.close()
        os.close(self._fd)


@pytest.fixture
def said(tmp_path: Path) -> Iterator[Said]:
    made = Said(tmp_path)
    yield made
    made.close()


def test_text_is_key_and_value() -> None:
    line = as_text(
        record("live, %dx%d", 640, 480, camera="door", fps=29.5, why="no signal", ok=True)
    )
    _, _, rest = line.partition(" ")
    assert rest == (
        'INFO daemon.camera "live, 640x480" camera=door fps=29.5 why="no signal" ok=true'
    )
    assert re.match(r"(1970-01-01|1969-12-31)T\d\d:\d\d:01\.500 ", line)


def test_json_is_one_object_with_the_extras() -> None:
    told = json.loads(as_json(record("live", camera="door", fps=29.5, size=(640, 480))))
    assert told == {
        "time": "1970-01-01T00:00:01.500+00:00",
        "level": "INFO",
        "logger": "edgefer.daemon.camera",
        "message": "live",
        "camera": "door",
        "fps": 29.5,
        "size": [640, 480],
    }


@given(message=NASTY, extra=NASTY)
def test_no_record_becomes_two_lines(message: str, extra: str) -> None:
    for line in (
        as_json(record("%s", message, exc=True, extra=extra)),
        as_text(record("%s", message, exc=True, extra=extra)),
    ):
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", line)
        assert len(line.encode()) <= LINE, "journald would break it"
    told = json.loads(as_json(record("%s", message[:100], extra=extra[:100])))
    # The same, but for what looks like a password.
    if "@" not in message + extra:
        assert (told["message"], told["extra"]) == (message[:100], extra[:100])


@pytest.mark.parametrize("line", [as_json, as_text])
def test_a_whole_book_is_cut_to_what_the_journal_takes(line: Any) -> None:
    book = "\u2028" * 1_000_000
    told = line(record(book, exc=True, extra=book, deep={book: [book]}))
    assert len(told.encode()) <= LINE


def test_a_traceback_is_part_of_its_line() -> None:
    told = json.loads(as_json(record("a bug", exc=True)))
    assert told["message"] == "a bug"
    assert told["traceback"].startswith("Traceback (most recent call last):\n  File ")
    assert told["traceback"].endswith("ValueError: first\nsecond rtsp://***@cam/1")
    assert as_text(record("a bug", exc=True)).endswith(
        r'ValueError: first\nsecond rtsp://***@cam/1"'
    )


def test_on_a_terminal_a_traceback_is_indented() -> None:
    first, *more = as_text(record("a bug", exc=True, camera="door"), terminal=True).split("\n")
    assert first.endswith('"a bug" camera=door')
    assert len(more) > 3
    assert all(line.startswith("    ") for line in more)
    assert more[-1] == "    second rtsp://***@cam/1"


@pytest.mark.parametrize("line", [as_json, as_text])
def test_no_secret_is_shown(line: Any) -> None:
    url = "rtsp://me:secret@cam/1"
    told = line(
        record(
            "%s and %s",
            url,
            Secret("secret"),
            url=url,
            token=Secret("secret"),
            nested={"urls": [url], url: 1, "token": Secret("secret")},
            error=OSError(f"cannot open {url}"),
            exc=True,
        )
    )
    assert "secret" not in told
    assert told.count("rtsp://***@cam/1") >= 5
    assert "Secret(...)" in told


def test_what_json_lacks_is_told_as_text(said: Said) -> None:
    loop: list[object] = []
    loop.append(loop)
    said.logger.info(
        "values",
        extra={
            "lost": float("nan"),
            "far": float("inf"),
            "measured": np.float32(0.5),
            "count": np.int64(3),
            "path": Path("/etc"),
            "loop": loop,
            "none": None,
        },
    )
    (line,) = said.lines()
    told = json.loads(line, parse_constant=pytest.fail)
    assert (told["lost"], told["far"], told["measured"], told["count"]) == ("nan", "inf", 0.5, 3)
    assert (told["path"], told["none"]) == ("/etc", None)


def test_extras_do_not_take_our_places(said: Said) -> None:
    said.logger.info("true", extra={"time": "never", "level": "x", "logger": "y", "traceback": "z"})
    told = json.loads(said.lines()[0])
    assert (told["level"], told["logger"]) == ("INFO", "edgefer.tests")
    assert (told["time_"], told["level_"], told["traceback_"]) == ("never", "x", "z")


class Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize("args", [("%d", "seven"), (Unspeakable(),), ("%s", Unspeakable())])
def test_a_record_that_cannot_be_formatted_is_told_and_does_not_raise(
    args: Any, said: Said
) -> None:
    for _ in range(3 * ALIKE):
        said.logger.info(*args)
    told = [json.loads(line) for line in said.lines()]
    assert 1 <= len(told) <= ALIKE
    assert told[0]["level"] == "ERROR"
    assert re.search(r"test_logs\.py:\d+ cannot be formatted: \w+Error", told[0]["message"])


def test_a_stream_that_is_gone_raises_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    handler = Lines(writing, "json")
    handler.handle(record("to nobody"))
    os.close(writing)
    handler.handle(record("to a closed one"))
    handler.close()


def test_a_flood_of_one_message_is_cut_and_counted(said: Said) -> None:
    for n in range(ALIKE + 137):
        said.logger.warning("frame %d lost", n)
    said.logger.warning("something else")
    assert said.messages() == [*(f"frame {n} lost" for n in range(ALIKE)), "something else"]
    said.now += MINUTE
    said.logger.info("next")
    summary = json.loads(said.lines()[-2])
    assert summary["message"] == "frame %d lost ... 137 more within a minute"
    assert (summary["logger"], summary["level"]) == ("edgefer.tests", "WARNING")
    said.logger.warning("frame %d lost", 1)
    assert said.messages()[-2:] == ["next", "frame 1 lost"], "a new minute begins"


def test_a_flood_of_ever_new_messages_is_cut_too(said: Said) -> None:
    other = logging.Logger("edgefer.other")
    other.addHandler(said.handler)
    for n in range(10 * OF_ONE_LOGGER):
        said.logger.warning(f"frame {n} lost")
    assert len(said.lines()) == OF_ONE_LOGGER
    other.error("heard nevertheless")
    assert said.messages()[-1] == "heard nevertheless"
    said.now += MINUTE
    other.error("and again")
    assert said.messages()[-2] == f"others ... {9 * OF_ONE_LOGGER} more within a minute"


def test_a_day_of_the_worst_bug_fills_no_disk(said: Said) -> None:
    for _ in range(10):
        for n in range(1000):
            said.logger.warning(f"{n}")
        said.now += MINUTE
    assert len(said.lines()) <= 10 * (OF_ONE_LOGGER + 1)


def test_what_was_left_out_is_told_at_the_end(said: Said) -> None:
    for _ in range(ALIKE + 5):
        said.logger.info("the same")
    said.handler.close()
    assert said.messages()[-1] == "the same ... 5 more within a minute"


SCRIPT = """
import logging, sys
from edgefer.daemon.logs import set_up
logging.basicConfig(format="old %(message)s")
set_up(sys.argv[1])
set_up(sys.argv[1])
logging.getLogger("edgefer.a").debug("too quiet")
logging.getLogger("edgefer.a").info("one", extra={"camera": "door"})
logging.getLogger("httpx").info("POST https://host/private-path")
logging.getLogger("httpx").warning("two")
logging.getLogger("edgefer.a").critical("three")
"""


def run(style: str, stderr: int, **environment: str) -> None:
    kept = {key: value for key, value in os.environ.items() if key != "JOURNAL_STREAM"}
    subprocess.run(
        [sys.executable, "-c", SCRIPT, style], stderr=stderr, env=kept | environment, check=True
    )


def through_pipe(style: str, *, journal: bool = False) -> list[str]:
    reading, writing = os.pipe()
    status = os.fstat(writing)
    stream = f"{status.st_dev}:{status.st_ino}" if journal else "1:1"
    run(style, writing, JOURNAL_STREAM=stream)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as file:
        return file.read().splitlines()


def test_the_journal_gets_json_with_priorities() -> None:
    lines = through_pipe("auto", journal=True)
    assert [line[:3] for line in lines] == ["<6>", "<4>", "<2>"]
    first, second, _ = (json.loads(line[3:]) for line in lines)
    assert (first["message"], first["camera"]) == ("one", "door")
    assert (second["message"], second["logger"]) == ("two", "httpx")


def test_a_container_or_a_file_gets_json_without_priorities() -> None:
    assert [json.loads(line)["message"] for line in through_pipe("auto")] == ["one", "two", "three"]


def test_a_terminal_gets_text() -> None:
    reading, writing = os.openpty()
    run("auto", writing)
    os.close(writing)
    with os.fdopen(reading, "rb", buffering=0) as terminal:
        assert b' INFO a "one" camera=door' in terminal.read(1000)


def test_a_style_that_was_asked_for_is_kept() -> None:
    assert json.loads(through_pipe("json")[0])["message"] == "one"
    first, second, third = (line.split(" ", 1)[1] for line in through_pipe("text"))
    assert (first, second, third) == (
        'INFO a "one" camera=door',
        'WARNING httpx "two"',
        'CRITICAL a "three"',
    )
