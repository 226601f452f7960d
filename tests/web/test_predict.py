"""Visitors' pictures, and the one thread that looks at them."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import pytest

from edgefer.classifier import Classifier
from edgefer.data import Detected, Frame, Image
from edgefer.errors import EngineLost
from edgefer.timing import clock
from edgefer.web import connections, predicting
from edgefer.web.answers import Busy, Refused
from edgefer.web.limits import Room
from edgefer.web.predicting import REST, Predicting
from edgefer.web.serving import Serving
from tests.brokers import until
from tests.drivers import FACE, FixedDetector, MeanEngine
from tests.web.servers import Daemon, Server, serving
from tests.web.test_pictures import encoded, png_bomb


def serving_of(daemon: Daemon, detector: FixedDetector) -> Serving:
    return dataclasses.replace(daemon.models, detector=detector)


def test_a_picture_gets_the_answer_of_the_pipeline(site: Server, daemon: Daemon) -> None:
    data = encoded(".png")
    answer = site.post("/v1/predict", content=data)
    assert answer.status_code == 200
    (image,) = answer.json()["images"]
    (face,) = image["faces"]
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    frame = Frame(np.asarray(pixels, np.uint8), 0, 0.0)
    (wanted,) = daemon.models.classifier.classify(Detected(frame, (FACE,)))
    assert image["size"] == [48, 32]
    assert face["box"] == [4, 4, 28, 28]
    assert face["expression"] == wanted.label
    assert list(face["probabilities"].values()) == pytest.approx(wanted.probs, abs=1e-4)
    assert list(face["probabilities"]) == list(wanted.labels)
    assert set(image["times_ms"]) == {"decode", "detection", "classification"}
    assert answer.json()["model"]["name"] == "mean"


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp"])
def test_what_a_sender_says_of_a_picture_does_not_count(suffix: str, site: Server) -> None:
    data = encoded(suffix)
    for kind in ("text/html", "image/gif", "application/x-www-form-urlencoded"):
        answer = site.post("/v1/predict", content=data, headers={"Content-Type": kind})
        assert answer.status_code == 200
    answer = site.post("/v1/predict", content=b"<script>", headers={"Content-Type": "image/jpeg"})
    assert answer.status_code == 415


def test_several_come_in_a_form_and_keep_their_names(site: Server) -> None:
    names = ["a.png", "../../etc/passwd", "<b>ü.png"]
    files = [("image", (name, encoded(".png"), "image/png")) for name in names]
    answer = site.post("/v1/predict", files=files)
    assert [image["name"] for image in answer.json()["images"]] == names
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "form",
    [
        {"files": {"picture": ("a.png", b"x")}},
        {"files": {"image": ("a.png", b"")}},
        {"files": [("image", ("a.png", b"x"))] * 17},
        {"files": {"image": ("a.png", b"x")}, "data": {"path": "/etc/passwd"}},
        {"content": b"--x\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
        {"content": b"", "headers": {"Content-Type": "image/png"}},
    ],
)
def test_a_form_that_is_none_is_refused(form: Any, site: Server) -> None:
    assert site.post("/v1/predict", **form).status_code == 400


def test_a_picture_can_be_drawn_on(site: Server) -> None:
    answer = site.post("/v1/predict?draw=1", content=encoded(".png", 64, 64))
    assert answer.headers["Content-Type"] == "image/png"
    image = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (64, 64, 3)
    files = [("image", ("a.png", encoded(".png")))] * 2
    assert site.post("/v1/predict?draw=1", files=files).status_code == 400
    assert site.post("/v1/predict?draw=2", content=encoded(".png")).status_code == 400


def test_a_bomb_is_refused_before_the_thread_sees_it(site: Server, daemon: Daemon) -> None:
    def never(_: Image) -> None:
        raise AssertionError("it came to the detector")

    daemon.models = serving_of(daemon, FixedDetector(at=never))
    assert site.post("/v1/predict", content=png_bomb(10_000, 10_000)).status_code == 413
    files = [("image", ("a", encoded(".png"))), ("image", ("b", png_bomb(10_000, 10_000)))]
    assert site.post("/v1/predict", files=files).status_code == 413


def test_no_picture_touches_a_disk(site: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def rollover(_: object) -> None:
        raise AssertionError("a picture goes onto a disk")

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", rollover)
    data = encoded(".bmp", 1200, 1000)
    assert len(data) > 3 << 20
    answer = site.post("/v1/predict", files=[("image", ("a.bmp", data))] * 2)
    assert len(answer.json()["images"]) == 2


def test_models_that_fail_are_told_and_not_ours_to_mend(site: Server, daemon: Daemon) -> None:
    def fails(_: Image) -> None:
        raise EngineLost("its process died")

    daemon.models = serving_of(daemon, FixedDetector(at=fails))
    answer = site.post("/v1/predict", content=encoded(".png"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "its process died" in answer.text


def test_who_comes_while_others_wait_is_put_off_and_the_page_still_answers(
    daemon: Daemon,
) -> None:
    gate = threading.Event()
    daemon.models = serving_of(daemon, FixedDetector(at=lambda _: gate.wait(60)))
    data = encoded(".png")
    with serving(daemon.site(uploads=2)) as server, ThreadPoolExecutor(20) as visitors:
        answers = [visitors.submit(server.post, "/v1/predict", content=data) for _ in range(20)]
        try:
            until(lambda: sum(answer.done() for answer in answers) >= 17)
            assert server.get("/livez").status_code == 200
            assert server.get("/v1/cameras").status_code == 200
        finally:
            gate.set()
        codes = sorted(answer.result().status_code for answer in answers)
    assert codes == [200] * 3 + [503] * 17, "one under way and two that wait"


def test_the_thread_stands_back_behind_the_cameras() -> None:
    if os.getpriority(os.PRIO_PROCESS, 0) > 19 - predicting.NICE:
        pytest.skip("this process has the lowest priority already: start it without nice")

    async def scenario() -> tuple[int, int]:
        work = Predicting(lambda: nullcontext(None), 1)  # type: ignore[arg-type]
        inside = await work.run(
            lambda _: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        )
        work.close()
        return inside, os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    inside, outside = asyncio.run(scenario())
    assert inside == outside + predicting.NICE


def test_after_each_piece_the_thread_rests_so_that_many_visitors_take_a_share_only() -> None:
    spans: list[tuple[float, float]] = []

    def busy(_: Serving) -> None:
        began = clock()
        while clock() < began + 0.02:
            pass
        spans.append((began, clock()))

    async def crowd() -> None:
        work = Predicting(lambda: nullcontext(None), 4)  # type: ignore[arg-type]
        await asyncio.gather(*(work.run(busy) for _ in range(4)))
        work.close()

    asyncio.run(crowd())
    for (began, ended), (following, _) in pairwise(spans):
        assert following - ended >= REST * (ended - began)


def test_what_the_work_raises_comes_to_who_asked_and_the_thread_goes_on() -> None:
    def refuse(_: Serving) -> None:
        raise Refused(400, "no")

    async def scenario() -> None:
        lent = []

        @contextmanager
        def lend() -> Iterator[Serving]:
            lent.append(1)
            yield None  # type: ignore[misc]
            lent.pop()

        work = Predicting(lend, 4)
        for _ in range(3):
            with pytest.raises(Refused):
                await work.run(refuse)
        assert await work.run(lambda _: 7) == 7
        work.close()
        with pytest.raises(Busy):
            await work.run(lambda _: 7)

    asyncio.run(scenario())


def test_who_leaves_before_its_turn_costs_nothing() -> None:
    async def scenario() -> None:
        gate, seen = threading.Event(), []
        work = Predicting(lambda: nullcontext(None), 4)  # type: ignore[arg-type]
        first = asyncio.create_task(work.run(lambda _: gate.wait(60)))
        left = asyncio.create_task(work.run(lambda _: seen.append(1)))
        await asyncio.sleep(0)
        left.cancel()
        await asyncio.gather(left, return_exceptions=True)
        gate.set()
        await first
        assert await work.run(lambda _: 7) == 7
        assert seen == []
        work.close()

    asyncio.run(scenario())


def test_closing_leaves_nobody_waiting() -> None:
    async def scenario() -> None:
        gate = threading.Event()
        work = Predicting(lambda: nullcontext(None), 4)  # type: ignore[arg-type]
        tasks = [asyncio.create_task(work.run(lambda _: gate.wait(60))) for _ in range(3)]
        await asyncio.sleep(0.05)
        work.close()
        gate.set()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert any(isinstance(end, asyncio.CancelledError) for end in ended)

    asyncio.run(scenario())


def test_pictures_of_many_faces_are_answered_whole(site: Server, daemon: Daemon) -> None:
    engine = MeanEngine()
    daemon.models = Serving(
        FixedDetector((FACE,) * 5), engine, Classifier(engine), daemon.models.model
    )
    faces = site.post("/v1/predict", content=encoded(".png")).json()["images"][0]["faces"]
    assert len(faces) == 5


def sending(data: bytes) -> bytes:
    return b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(data)


def test_a_picture_may_come_slower_than_other_requests(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "PATIENCE", 0.5)
    data = encoded(".png")
    with serving(daemon.site()) as server, server.connect(sending(data)) as slow:
        threading.Event().wait(1.0)  # twice as long as others get: time itself is the subject
        slow.sendall(data)
        assert slow.recv(100).startswith(b"HTTP/1.1 200 ")


def test_a_picture_that_drips_is_cut_and_its_memory_given_back(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgefer.web.predict.SECONDS", 0.5)
    data = b"x" * 1_000_000
    with serving(daemon.site(megabytes=1)) as server:
        dripping = [server.connect(sending(data)) for _ in range(4)]
        try:
            for client in dripping:
                with suppress(ConnectionError):
                    client.sendall(data[:-1])
            for client in dripping:
                with suppress(ConnectionError):
                    assert client.recv(1) == b"", "nothing but the end"
            answer = server.post("/v1/predict", content=encoded(".bmp", 400, 400))
            assert answer.status_code == 200
        finally:
            for client in dripping:
                client.close()


def test_who_is_put_off_reads_so_although_it_sends_still(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgefer.web.guard.BURST", 1)
    data = b"\x89PNG" + b"x" * 900_000
    with serving(daemon.site(megabytes=1)) as server:
        codes = {server.post("/v1/predict", content=data).status_code for _ in range(20)}
        assert codes <= {415, 429}
        assert 429 in codes


def test_bodies_that_are_only_announced_keep_nobody_out(daemon: Daemon) -> None:
    data = b"x" * 1_000_000
    with serving(daemon.site(megabytes=1)) as server:
        announced = [server.connect(sending(data)) for _ in range(8)]
        try:
            until(lambda: server.web.connected == 8)
            picture = encoded(".bmp", 400, 400)
            for _ in range(4):
                assert server.post("/v1/predict", content=picture).status_code == 200
        finally:
            for client in announced:
                client.close()


def test_memory_for_bodies_that_come_is_bounded(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = b"x" * 1_000_000
    made: list[Room] = []

    def room(size: int) -> Room:
        made.append(Room(size))
        return made[0]

    monkeypatch.setattr("edgefer.web.Room", room)
    with serving(daemon.site(megabytes=1)) as server:
        sending_ = [server.connect(sending(data) + data[:-1]) for _ in range(4)]
        try:
            # Asked before all have come, what is posted would take the room of one of them.
            until(lambda: made[0].left < 600_000)
            assert server.post("/v1/predict", content=data[:600_000]).status_code == 503
            assert server.get("/v1/cameras").status_code == 200
        finally:
            for client in sending_:
                client.close()
