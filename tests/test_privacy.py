"""No frame leaves the daemon: every byte that it writes anywhere is looked at, by strace.

What is looked for: runs of RUN bytes of a picture that the daemon has seen, as they are or in
base64, and the first bytes of the formats that pictures are kept in.
"""

from __future__ import annotations

import base64
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edgefer.data import Image
from edgefer.sources.synthetic import pictures
from tests.brokers import Broker
from tests.conftest import REPOSITORY
from tests.daemons import Daemon, wait_for
from tests.traces import MAKING, OPENING, UNSEEN, Trace

RUN, DISTINCT = 16, 6
"""Bytes that are no coincidence, with so many different ones among them: zeros are no picture."""

FORMATS = {
    "JPEG": rb"\xff\xd8\xff",
    "PNG": rb"\x89PNG",
    "WebP": rb"RIFF....WEBP",
    "MP4": rb"ftyp(isom|mp4|avc|qt  )",
    "H.264": rb"\x00\x00\x01[\x67\x27\x65\x25]",
    "NumPy": rb"\x93NUMPY",
}

LIVE = "test://?live=1&fps=10&width=320&height=240"


def scene(count: int) -> list[Image]:
    """People before a wall of noise, which is like nothing else."""
    rng = np.random.default_rng(5)
    shown = list(islice(pictures("demo://?seed=3&start=40"), count))
    for picture in shown:
        picture[:100] = rng.integers(0, 256, (100, picture.shape[1], 3), np.uint8)
    return shown


def words(data: bytes) -> NDArray[np.uint64]:
    """Each run of half RUN bytes, as one number."""
    half = RUN // 2
    if len(data) < half:
        return np.empty(0, np.uint64)
    rows = np.lib.stride_tricks.sliding_window_view(np.frombuffer(data, np.uint8), half)
    return np.ascontiguousarray(rows).view(np.uint64)[:, 0]


def places(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Where in a table of 2**22 each belongs (Knuth's multiplicative hashing)."""
    spread: NDArray[np.uint64] = numbers * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(42)
    return spread


def pixels_in(data: bytes, images: Sequence[Image]) -> bytes:
    """RUN bytes of a picture that are in the data; b"" where none are."""
    told = np.zeros(1 << 22, np.bool_)
    told[places(words(data))] = True
    for image in images:
        raw = image.tobytes()
        hits = told[places(words(raw))]
        for at in np.flatnonzero(hits[: -RUN // 2] & hits[RUN // 2 :]).tolist():
            run = raw[at : at + RUN]
            if run in data and len(set(run)) >= DISTINCT:
                return run
    return b""


def decoded(data: bytes) -> bytes:
    """Whatever may be base64 in it, from each of the four places where a group can begin."""
    texts = re.findall(rb"[A-Za-z0-9+/]{24,}", data)
    return b"\0".join(
        base64.b64decode(text[start : start + (len(text) - start) // 4 * 4])
        for text in texts
        for start in range(4)
    )


def found(written: Mapping[str, bytes], images: Sequence[Image]) -> list[str]:
    """Where there is a picture, and how it is told."""
    texts = {f"{target}{how}": told for target, data in written.items()
             for how, told in (("", data), (" in base64", decoded(data)))}  # fmt: skip
    signs = [
        f"{name}: {what}"
        for name, data in texts.items()
        for what, head in FORMATS.items()
        if re.search(head, data, re.DOTALL)
    ]
    while run := pixels_in(bytes(RUN).join(texts.values()), images):
        name = next(name for name, data in texts.items() if run in data)
        signs.append(f"{name}: pixels {run.hex()}")
        del texts[name]
    return signs


class Watched(NamedTuple):
    """A daemon that has ended, and everything it did."""

    trace: Trace
    folder: Path
    images: list[Image]
    """What it saw."""
    ports: set[int]
    """To which it was told to speak."""


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """Two cameras, one of files and one in a capture process; events to a broker, a webhook and
    a file; the page asked for everything; a reload; the end."""
    from benchmarks.receivers import Ear, Hook

    folder = tmp_path_factory.mktemp("privacy")
    images = scene(6)
    (folder / "pictures").mkdir()
    for n, image in enumerate(images):
        cv2.imwrite(str(folder / "pictures" / f"{n}.png"), image)
    trace = Trace(folder / "trace")
    with Broker(folder, "allow_anonymous true") as broker, Ear(broker.port) as ear, Hook() as hook:
        daemon = Daemon(
            folder,
            f"""
[mqtt]
host = "127.0.0.1"
port = {broker.port}
name = "box"
discovery = "homeassistant"
[webhook]
url = "http://127.0.0.1:{hook.port}/"
[jsonl]
path = "{folder}/events.jsonl"
[[camera]]
name = "files"
url = "{folder}/pictures"
backoff_max = 0.5
[[camera]]
name = "live"
url = "{LIVE}"
""",
            # In CI, ONNX Runtime's telemetry is off: it must be so everywhere.
            under=("env", "--unset=CI", *trace.command),
            # An installed package brings its compiled files; here they might be written.
            environment={"PYTHONDONTWRITEBYTECODE": "1"},
        )
        try:
            daemon.wait_ready()
            wait_for(lambda: hook.count >= 4 and ear.count >= 10, "messages and posts")
            wait_for(lambda: "face_appeared" in (folder / "events.jsonl").read_text(), "events")
            for path in ("/metrics", "/v1/status", "/readyz", "/livez"):
                assert daemon.get(path).content
            daemon.send(signal.SIGHUP)
            wait_for(lambda: daemon.said("reloaded"), "reloaded")
            daemon.stop()
            assert daemon.process.returncode == 0, daemon.text()
        finally:
            daemon.end()
        ports = {broker.port, hook.port}
    trace.wait()
    return Watched(trace, folder, [*images, *islice(pictures(LIVE), 20)], ports)


def test_nothing_that_is_written_holds_a_part_of_a_picture(watched: Watched) -> None:
    written = watched.trace.written()
    assert any(b"face_appeared" in data for data in written.values())  # it is seen at all
    assert any(target.endswith("events.jsonl") for target in written)
    assert found(written, watched.images) == []


def test_no_bytes_leave_by_a_call_that_does_not_show_them(watched: Watched) -> None:
    assert [call.name for call in watched.trace.calls(*UNSEEN)] == []


def test_pictures_are_shared_by_memory_without_a_name_alone(watched: Watched) -> None:
    shared = {
        call.mapped
        for call in watched.trace.calls("mmap")
        if "MAP_SHARED" in call.text and "PROT_WRITE" in call.text and call.mapped
    }
    assert shared == {"/memfd:edgefer-capture"}


def test_only_the_configured_file_is_opened_for_writing(watched: Watched) -> None:
    writable = {
        call.opened
        for call in watched.trace.calls(*OPENING)
        if re.search(r"O_(WRONLY|RDWR|CREAT|TMPFILE)", call.text)
    }
    assert writable - {"/dev/null"} == {f"{watched.folder}/events.jsonl"}
    assert [call.text for call in watched.trace.calls(*MAKING)] == []


def test_nobody_but_the_configured_is_spoken_to(watched: Watched) -> None:
    listening = [call.target for call in watched.trace.calls("listen")]
    own = {re.fullmatch(r"TCP:\[127\.0\.0\.1:(\d+)\]", target) for target in listening}
    assert own
    assert None not in own  # nothing listens beyond loopback
    itself = {int(found[1]) for found in own if found}
    assert watched.trace.connected() - itself == watched.ports


def test_the_same_look_finds_what_save_writes(tmp_path: Path) -> None:
    trace = Trace(tmp_path / "trace")
    command = ["-m", "edgefer", "run", "demo://?seed=3&start=40", "--max-frames", "8", "--quiet"]
    subprocess.run(
        [*trace.command, sys.executable, *command, "--save", str(tmp_path / "out.mp4")],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        timeout=100,
    )
    trace.wait()
    signs = found(trace.written(), scene(8))
    assert any("MP4" in sign for sign in signs), signs


@pytest.mark.parametrize("told", ["", " in base64"])
def test_the_same_look_finds_a_strip_of_pixels_that_is_sent(tmp_path: Path, told: str) -> None:
    images = scene(2)
    strip = images[1][40, 100:108].tobytes()  # 24 bytes
    text = base64.b64encode(b"odd" + strip).decode()[1:] if told else ""
    data = f"{{'seen': '{text}'}}".encode() if told else b"seen: " + strip
    trace = Trace(tmp_path / "trace")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        code = f"import os; os.write({theirs.fileno()}, bytes.fromhex({data.hex()!r}))"
        subprocess.run(
            [*trace.command, sys.executable, "-c", code],
            pass_fds=(theirs.fileno(),),
            check=True,
            timeout=60,
        )
        assert ours.recv(1000) == data
    trace.wait()
    (sign,) = found(trace.written(), images)
    assert f"{told}: pixels" in sign
