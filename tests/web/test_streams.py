"""What the cameras see, as it comes."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import cv2
import httpx
import numpy as np
import pytest

from edgefer.data import Tracked
from edgefer.events import FaceAppeared
from edgefer.outputs import HttpConfig, WebConfig
from edgefer.sinks.jsonl import record
from edgefer.web import connections, live
from edgefer.web.cameras import LISTENERS
from edgefer.web.history import KEPT, SERIES, History, Point
from tests.brokers import until
from tests.drivers import FACE, reading
from tests.web.servers import PASSWORD, Daemon, Server, serving
from tests.web.test_guard import csrf, signed_in

TRACK = Tracked(7, FACE, FACE.box, 1.0, 5, True)


class Camera:
    """Gives the daemon's camera "door" a picture whenever one is wanted, and counts them."""

    def __init__(self, server: Server, daemon: Daemon, size: tuple[int, int] = (320, 240)) -> None:
        self.given = self.wanted = 0
        self._server, self._live, self._size = server, daemon.live, size
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._carry)

    def __enter__(self) -> Camera:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def _carry(self) -> None:
        width, height = self._size
        noise = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
        while not self._ending.wait(0.005):
            image = None
            if self._live.wants("door"):
                self.wanted += 1
                image = np.roll(noise, self.given, axis=1)
            made = reading(self.given, image_bgr=image)
            self._server.call(lambda made=made: self._live.read("door", made))  # type: ignore[misc]
            self.given += 1


@pytest.fixture
def camera(site: Server, daemon: Daemon) -> Iterator[Camera]:
    daemon.camera.report("ok")
    with Camera(site, daemon) as running:
        yield running


def jpegs(server: Server, count: int) -> list[bytes]:
    """The first pictures of the video."""
    found: list[bytes] = []
    url = server.url + "/v1/cameras/door/video"
    with httpx.stream("GET", url, trust_env=False, timeout=20) as answer:
        assert answer.status_code == 200
        boundary = answer.headers["Content-Type"].partition("boundary=")[2].encode()
        told = b""
        for piece in answer.iter_bytes():
            told += piece
            *whole, told = told.split(b"--" + boundary + b"\r\n")
            found += [part.partition(b"\r\n\r\n")[2][:-2] for part in whole if part]
            if len(found) >= count:
                break
    return found


def events(server: Server, query: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    url = server.url + "/v1/stream" + query
    with httpx.stream("GET", url, trust_env=False, timeout=20) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        name = ""
        for line in answer.iter_lines():
            key, _, value = line.partition(": ")
            if key == "event":
                name = value
            elif key == "data":
                yield name, json.loads(value)


@pytest.mark.usefixtures("camera")
def test_the_video_is_jpegs_that_move(site: Server) -> None:
    found = jpegs(site, 5)
    pictures = [cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) for data in found]
    assert all(picture is not None and picture.shape == (240, 320, 3) for picture in pictures)
    assert len(set(found)) == len(found)


def test_nothing_is_drawn_or_kept_unless_somebody_watches(
    site: Server, daemon: Daemon, camera: Camera
) -> None:
    until(lambda: camera.given > 20)
    assert camera.wanted == 0
    seen = daemon.live.cameras["door"]
    jpegs(site, 2)
    until(lambda: seen.watchers == 0)
    until(lambda: seen.drawing is None)
    assert seen.jpeg == b""
    asked, given = camera.wanted, camera.given
    assert asked >= 2
    until(lambda: camera.given > given + 20)
    assert camera.wanted <= asked + 1


def test_pictures_are_asked_for_at_the_pace_of_the_configuration(daemon: Daemon) -> None:
    with serving(daemon.site(fps=2)) as server, Camera(server, daemon) as camera:
        jpegs(server, 3)
        until(lambda: camera.given > 50)
        assert camera.wanted < camera.given / 3


def test_a_picture_is_as_wide_as_the_configuration_lets_it(daemon: Daemon) -> None:
    with serving(daemon.site(width=64)) as server, Camera(server, daemon):
        data = server.get("/v1/cameras/door/picture").content
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (48, 64, 3)


def test_boxes_and_tracks_are_drawn_at_any_width() -> None:
    image = np.full((200, 400, 3), 255, np.uint8)
    made = reading(0, image_bgr=image)
    plain = cv2.imdecode(np.frombuffer(live.jpeg(made, 100), np.uint8), cv2.IMREAD_COLOR)
    assert plain is not None
    assert plain.shape == (50, 100, 3)
    assert plain[:10, :10].min() < 200, (
        "the box of FACE is in this corner, in a quarter of its size"
    )
    assert plain[30:, 60:].min() > 240


@pytest.mark.usefixtures("camera")
def test_the_newest_picture_comes_alone_too(site: Server) -> None:
    for _ in range(3):
        answer = site.get("/v1/cameras/door/picture")
        assert answer.headers["Content-Type"] == "image/jpeg"
        assert answer.content[:3] == b"\xff\xd8\xff"


def test_no_picture_is_shown_unless_allowed(daemon: Daemon) -> None:
    with serving(daemon.site(preview=False)) as server, Camera(server, daemon) as camera:
        for path in ("video", "picture"):
            assert server.get(f"/v1/cameras/door/{path}").status_code == 403
        assert server.get("/v1/cameras/door").json()["preview"] is False
        until(lambda: camera.given > 20)
        assert camera.wanted == 0


def test_an_unknown_camera_is_not_found(site: Server) -> None:
    for path in (
        "/v1/cameras/x",
        "/v1/cameras/x/video",
        "/v1/stream?camera=x",
        "/v1/cameras/..%2f",
    ):
        assert site.get(path).status_code == 404


def test_a_camera_without_frames_is_said_to_have_none(
    site: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgefer.web.cameras.WAIT", 0.1)
    answer = site.get("/v1/cameras/door/picture")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


def test_a_slow_reader_misses_pictures_and_others_do_not_wait(daemon: Daemon) -> None:
    with serving(daemon.site(fps=60)) as server:
        ask = b"GET /v1/cameras/door/video HTTP/1.1\r\nHost: localhost\r\n\r\n"
        with server.connect(ask) as slow:
            with Camera(server, daemon, (640, 480)):
                slow.recv(1000)
                assert len(jpegs(server, 8)) == 8
                until(lambda: daemon.live.cameras["door"].number > 40)
                size = len(daemon.live.cameras["door"].jpeg)
            waiting = sum(len(part) for part in iter(lambda: take(slow), b""))
        # Some pictures in the kernel, two in the server, of forty.
        assert size < waiting < 10 * size


def take(client: socket.socket) -> bytes:
    """What comes within a while."""
    client.settimeout(0.5)
    try:
        return client.recv(1 << 20)
    except TimeoutError:
        return b""


def test_who_reads_nothing_is_cut_and_who_reads_goes_on(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (connections, __import__("edgefer.web.streams").web.streams):
        monkeypatch.setattr(module, "PATIENCE", 1.0)
    with serving(daemon.site(fps=60)) as server, Camera(server, daemon, (640, 480)):
        ask = b"GET /v1/cameras/door/video HTTP/1.1\r\nHost: localhost\r\n\r\n"
        reads = events(server)
        next(reads)
        with server.connect(ask):
            seen = daemon.live.cameras["door"]
            until(lambda: seen.watchers == 1)
            until(lambda: seen.watchers == 0)
        rates = [name for name, _ in (next(reads) for _ in range(20)) if name == "rates"]
        assert rates, "three times as long as PATIENCE"
        reads.close()  # type: ignore[attr-defined]


def test_so_many_watch_and_no_more(site: Server) -> None:
    ask = b"GET /v1/cameras/door/video HTTP/1.1\r\nHost: localhost\r\n\r\n"
    watching = [site.connect(ask) for _ in range(live.WATCHERS)]
    try:
        until(lambda: site.get("/v1/cameras/door").json()["watchers"] == live.WATCHERS)
        assert site.get("/v1/cameras/door/video").status_code == 503
        watching.pop().close()
        until(lambda: site.get("/v1/cameras/door").json()["watchers"] < live.WATCHERS)
    finally:
        for client in watching:
            client.close()


def test_so_many_listen_and_no_more(site: Server, daemon: Daemon) -> None:
    ask = b"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n"
    listening = [site.connect(ask) for _ in range(LISTENERS)]
    try:
        until(lambda: daemon.live.listeners == LISTENERS)
        assert site.get("/v1/stream").status_code == 503
    finally:
        for client in listening:
            client.close()
    until(lambda: daemon.live.listeners == 0)


def test_the_stream_tells_states_rates_readings_and_events(
    site: Server, daemon: Daemon, camera: Camera
) -> None:
    told: dict[str, dict[str, Any]] = {}
    event = FaceAppeared(7, 3, 1.5)
    stream = events(site, "?camera=door")
    for name, data in stream:
        if not told:
            site.call(lambda: daemon.live.tell("door", event))
        told.setdefault(name, data)
        if len(told) == 4:
            break
    stream.close()  # type: ignore[attr-defined]
    assert camera.wanted == 0, "numbers need no picture"
    assert told["state"]["cameras"]["door"] == {"state": "ok", "reason": "", "preview": True}
    assert told["rates"]["camera"] == "door"
    assert told["rates"]["temperature"] == 41.5
    face = told["reading"]["faces"][0]
    assert (face["expression"], face["probability"], face["box"]) == ("happy", 0.75, [4, 4, 28, 28])
    assert len(face["probs"]) == 7
    assert told["event"]["event"] == "face_appeared"
    assert (told["event"]["camera"], told["event"]["track"]) == ("door", 7)


def test_a_reading_of_the_stream_is_one_of_the_json_lines(site: Server, daemon: Daemon) -> None:
    steady = replace(TRACK, label="neutral", probability=0.5)
    made = replace(reading(3), tracked=(steady,))
    site.call(lambda: daemon.live.read("door", made))
    stream = events(site)
    told = next(data for name, data in stream if name == "reading")
    stream.close()  # type: ignore[attr-defined]
    assert told == {"camera": "door", **json.loads(json.dumps(record(made)))}
    face = told["faces"][0]
    assert (face["expression"], face["steady"]["expression"]) == ("happy", "neutral")


def test_a_change_of_state_is_told(site: Server, daemon: Daemon) -> None:
    stream = (data for name, data in events(site) if name == "state")
    assert next(stream)["cameras"]["door"]["state"] == "starting"
    daemon.camera.report("recovering", "no such device")
    assert next(stream)["cameras"]["door"]["reason"] == "no such device"
    stream.close()


def test_signing_out_ends_what_is_being_watched(daemon: Daemon, password: str) -> None:
    with serving(daemon.site(password=password)) as server:
        client = signed_in(server)
        cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        ask = f"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nCookie: {cookies}\r\n\r\n"
        with server.connect(ask.encode()) as listening:
            until(lambda: daemon.live.listeners == 1)
            client.post("/logout", data={"csrf": csrf(client, "/")})
            until(lambda: daemon.live.listeners == 0)
            while listening.recv(65536):
                pass  # until it is closed
        client.close()
        assert PASSWORD not in cookies


def test_closing_the_server_ends_streams_at_once(daemon: Daemon) -> None:
    with serving(daemon.site()) as server:
        stream = events(server)
        next(stream)
        assert server.close() < 5
        with pytest.raises(httpx.RemoteProtocolError):
            list(stream)


@pytest.mark.usefixtures("camera")
def test_the_history_has_lists_of_one_length(site: Server) -> None:
    until(lambda: len(site.get("/v1/history").json()["seconds"]) >= 2)
    told = site.get("/v1/history").json()
    length = len(told["seconds"])
    door = told["cameras"]["door"]
    assert set(door) == set(SERIES)
    assert {len(values) for values in door.values()} == {length}
    assert told["temperature"] == [41.5] * length
    assert door["total_fps"][-1] > 1


def test_the_history_keeps_ten_minutes_and_gaps_are_none() -> None:
    history, point = History(), Point(1.0, 2.0, 3.0, 4.0, 0.5, 10.0, 0)
    for n in range(KEPT + 10):
        history.add(n, {"a": point} if n % 2 else {"a": point, "b": point}, None)
    told = history.as_record()
    assert (len(told["seconds"]), told["seconds"][0]) == (KEPT, 10)
    assert told["cameras"]["b"]["overlap"][:4] == [0.5, None, 0.5, None]


def test_a_camera_that_goes_ends_its_video_and_pages_off_keep_nothing(
    site: Server, daemon: Daemon
) -> None:
    ask = b"GET /v1/cameras/door/video HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with site.connect(ask) as watching:
        until(lambda: site.get("/v1/cameras/door").json()["watchers"] == 1)
        site.call(lambda: daemon.live.end("door"))
        while watching.recv(65536):
            pass
    off = live.Live(WebConfig())
    off.begin("door", daemon.camera)
    off.read("door", reading(0))
    assert off.cameras["door"].newest is None
    assert HttpConfig().port
