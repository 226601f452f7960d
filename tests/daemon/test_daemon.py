"""The daemon as a whole, in its own process."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefer.config import PACKAGED_MODELS
from tests.daemons import Daemon, wait_for
from tests.models import tiny_onnx

Start = Callable[..., Daemon]

CAMERA = """
[source]
url = "demo://?fps=30&seed=3&start=40"
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts daemons that end with the test."""
    started: list[Daemon] = []

    def begin(config: str = CAMERA, **options: object) -> Daemon:
        folder = tmp_path / str(len(started))
        folder.mkdir()
        started.append(Daemon(folder, config, **options))  # type: ignore[arg-type]
        return started[-1]

    yield begin
    for daemon in started:
        daemon.end()
        if daemon.process.returncode not in (0, -signal.SIGKILL):
            print(daemon.text())


def test_it_tells_systemd_and_serves_and_stops(start: Start) -> None:
    daemon = start(watchdog=1.0)
    daemon.wait_ready()
    daemon.wait_frames()
    wait_for(daemon.ready, "/readyz")
    assert daemon.get("/livez").json()["good"]
    assert b'edgefer_frames_total{camera="camera",look="detect"}' in daemon.get("/metrics").content
    told = daemon.told()
    first_ready = next(n for n, message in enumerate(told) if message.startswith("READY=1"))
    assert "WATCHDOG=1" in wait_for(lambda: daemon.told()[first_ready + 1 :], "a ping")
    wait_for(
        lambda: any("classification" in message for message in daemon.told()), "STATUS with rates"
    )
    assert daemon.stop() < 3.5
    assert daemon.process.returncode == 0
    assert daemon.told()[-1].startswith("STOPPING=1")
    assert all(line["level"] in ("INFO", "WARNING") for line in daemon.log())


def test_events_tell_who_came_and_how_they_look(start: Start) -> None:
    daemon = start()
    daemon.wait_ready()
    wait_for(lambda: len(daemon.events()) >= 2, "events")
    kinds = [event["event"] for event in daemon.events()[:2]]
    assert kinds == ["face_appeared", "expression_changed"]
    daemon.stop()
    assert daemon.lines()[-1]["event"] == "face_left"


def test_a_camera_that_is_absent_is_waited_for(start: Start, tmp_path: Path) -> None:
    clip = tmp_path / "later.png"
    daemon = start(f'[source]\nurl = "{clip}"\nbackoff_max = 0.2\n')
    daemon.wait_ready()
    assert not daemon.ready()
    reasons = daemon.get("/readyz").json()["reasons"]
    assert "later.png" in reasons[0]
    assert daemon.get("/livez").json()["good"]
    cv2.imwrite(str(tmp_path / "part.png"), np.zeros((64, 64, 3), np.uint8))
    (tmp_path / "part.png").rename(clip)
    daemon.wait_frames(2)


def test_a_camera_that_dies_comes_back_and_its_last_words_are_in_the_log(start: Start) -> None:
    daemon = start(
        '[source]\nurl = "test://?live=1&fps=50&width=160&height=120&die_at=20"\nbackoff = 0.05\n'
    )
    daemon.wait_ready()
    daemon.wait_frames(60)
    assert daemon.said("capture process ended with status 70")
    metrics = daemon.get("/metrics").text
    assert 'edgefer_reconnects_total{camera="camera"} 0.0' not in metrics
    sequences = [reading["sequence"] for reading in daemon.readings()]
    assert sequences == sorted(set(sequences))


def test_stopping_takes_less_than_three_seconds_even_with_a_camera_that_blocks(
    start: Start,
) -> None:
    daemon = start(
        '[source]\nurl = "test://?live=1&fps=50&width=160&height=120&block_at=5"\ntimeout = 600\n'
    )
    daemon.wait_ready()
    daemon.wait_frames(3)
    assert daemon.stop() < 3.5
    assert daemon.process.returncode == 0


def test_a_bad_file_ends_it_with_the_code_of_configuration_and_a_reason(start: Start) -> None:
    daemon = start('[source]\nurl = "demo://"\n[engine]\nthreads = 0\n')
    assert daemon.process.wait(60) == 2
    assert "edgefer.toml:4: engine.threads is 0; it takes 1 to 64" in daemon.text()


def test_a_missing_model_ends_it_with_the_code_of_models(start: Start) -> None:
    daemon = start(CAMERA + '[engine]\nmodel = "absent.onnx"\n')
    assert daemon.process.wait(60) == 5
    assert "absent.onnx" in daemon.text()


def test_a_url_that_cannot_be_meant_ends_it_with_the_code_of_configuration(start: Start) -> None:
    daemon = start('[source]\nurl = "demo://?sed=1"\n')
    assert daemon.process.wait(60) == 2
    assert "Did you mean 'seed'" in daemon.text()


def test_a_file_that_others_may_write_is_refused(start: Start) -> None:
    daemon = start(mode=0o666)
    assert daemon.process.wait(60) == 2
    assert "chmod go-w" in daemon.text()


def test_a_reload_changes_cameras_and_leaves_the_others_alone(start: Start) -> None:
    two = """
[[camera]]
name = "door"
url = "test://?live=1&fps=20&width=160&height=120"
[[camera]]
name = "hall"
url = "test://?live=1&fps=20&width=160&height=120"
"""
    daemon = start(two)
    daemon.wait_ready()
    daemon.wait_frames(5, "door")
    daemon.wait_frames(5, "hall")
    daemon.write(two.replace('name = "hall"', 'name = "yard"'))
    daemon.send(signal.SIGHUP)
    daemon.wait_frames(5, "yard")
    wait_for(lambda: daemon.said("reloaded"), "reloaded")
    told = daemon.told()
    reloading = next(n for n, message in enumerate(told) if message.startswith("RELOADING=1"))
    assert any(message.startswith("READY=1") for message in told[reloading:])
    assert set(daemon.get("/v1/status").json()["cameras"]) == {"door", "yard"}
    daemon.wait_frames(5, "door")
    sequences = [reading["sequence"] for reading in daemon.readings("door")]
    assert sequences == sorted(set(sequences))  # never begun anew


def test_a_camera_that_floods_does_not_starve_the_others(start: Start) -> None:
    daemon = start("""
[[camera]]
name = "flood"
url = "demo://?seed=3&start=200"
[[camera]]
name = "calm"
url = "test://?live=1&fps=5&width=160&height=120"
""")
    daemon.wait_ready()
    daemon.wait_frames(2, "calm")
    daemon.wait_frames(20, "calm")
    sequences = [reading["sequence"] for reading in daemon.readings("calm")]
    assert len(daemon.readings("flood")) > len(sequences)
    assert sequences[-1] - sequences[0] < 2 * len(sequences)  # more than half of its frames


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("[source]\nurl = 7\n", "source.url is 7"),
        (CAMERA + '[engine]\nmodel = "absent.onnx"\n', "absent.onnx"),
        ('[source]\nurl = "demo://?sed=1"\n', "Did you mean 'seed'"),
        (CAMERA + '[mqtt]\nhost = "localhost"\nname = "a b"\n', "mqtt.name"),
        ("not toml", "TOML"),
    ],
)
def test_a_bad_reload_is_refused_and_frames_go_on(start: Start, bad: str, words: str) -> None:
    daemon = start()
    daemon.wait_ready()
    daemon.wait_frames()
    daemon.write(bad)
    daemon.send(signal.SIGHUP)
    wait_for(lambda: daemon.said("reload refused"), "refused")
    line = next(line for line in daemon.log() if "reload refused" in line["message"])
    assert words in line["message"]
    daemon.wait_frames()
    assert daemon.get("/livez").json()["good"]


def test_a_reload_with_another_model_loses_no_frame_for_it(start: Start, tmp_path: Path) -> None:
    other = tmp_path / "other.onnx"
    other.write_bytes((PACKAGED_MODELS / "lightweight.onnx").read_bytes())
    daemon = start()
    daemon.wait_ready()
    daemon.wait_frames()
    daemon.write(CAMERA + f'[engine]\nmodel = "{other}"\n')
    daemon.send(signal.SIGHUP)
    wait_for(lambda: daemon.said("reloaded"), "reloaded")
    daemon.wait_frames()
    assert "InferenceError" not in daemon.get("/metrics").text


HANGS = """
import asyncio, sys
from edgefer.cli import main
from edgefer.daemon import running, service

async def stop(self):
    service.log.warning("hanging")
    await asyncio.Event().wait()

running.Running.stop, service.STOPPING = stop, 3600.0
sys.exit(main(sys.argv[sys.argv.index("edgefer") + 1 :]))
"""
"""A daemon whose end hangs for an hour."""


def test_a_second_sigterm_is_immediate(start: Start) -> None:
    daemon = start(under=(sys.executable, "-c", HANGS))
    daemon.wait_ready()
    daemon.send(signal.SIGTERM)
    wait_for(lambda: daemon.said("hanging"), "the end that hangs")
    daemon.stop()  # raises after a minute
    assert daemon.process.returncode == 143
    assert daemon.said("a second SIGTERM: ending at once")


def test_a_model_that_answers_nan_is_opened_anew_and_then_ends_it(
    start: Start, tmp_path: Path
) -> None:
    model = tiny_onnx(tmp_path / "nan.onnx", weight=float("nan"))
    daemon = start(CAMERA + f'[engine]\nmodel = "{model}"\n[daemon]\nlog = "json"\nrestarts = 1\n')
    daemon.wait_ready()
    wait_for(lambda: daemon.said("tiny answered nan"), "told")
    assert not daemon.ready()
    assert daemon.process.wait(120) == 6
    assert daemon.said("opening the models anew")
