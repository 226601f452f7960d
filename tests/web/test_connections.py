"""Clients that hang, drip, flood or talk nonsense."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

import pytest

from edgefer.outputs import HttpConfig
from edgefer.timing import clock
from edgefer.web import connections
from tests.brokers import until
from tests.web.servers import Daemon, Server, everything, open_files, serving

NEVER_ASKS = b""
ASKS_HALF = b"GET /livez HTTP/1.1\r\nHost: loc"
NEVER_READS = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 200
HANGING = pytest.mark.parametrize(
    "words", [NEVER_ASKS, ASKS_HALF, NEVER_READS], ids=["never asks", "asks half", "never reads"]
)


def fill(daemon: Daemon) -> None:
    """A page of 200 kB: 200 of them are more than the kernel keeps for who does not read."""
    for n in range(40):
        daemon.metrics.camera(f"door {n}")
    assert len(daemon.metrics.text()) > 200_000


def say(client: socket.socket, words: bytes) -> None:
    """As much as the server takes."""
    client.settimeout(0.5)
    with suppress(TimeoutError, ConnectionError):
        client.sendall(words)
    client.settimeout(20)


@HANGING
def test_a_client_that_hangs_does_not_hold_the_close(words: bytes, daemon: Daemon) -> None:
    before = open_files()
    fill(daemon)
    with serving(daemon.web(HttpConfig(port=0))) as server, server.connect() as hanging:
        say(hanging, words)
        until(lambda: server.web.connected == 1)
        assert server.get("/livez").is_success
        assert server.close() < 0.8 * connections.PATIENCE  # 1 s, where nothing else runs
        everything(hanging)
    assert open_files() == before


@pytest.mark.parametrize("path", ["/login", "/v1/predict"])
@pytest.mark.parametrize("kind", ["image/png", "multipart/form-data; boundary=x"])
def test_who_leaves_in_the_middle_of_a_body_is_no_line_of_the_log(
    path: str, kind: str, site: Server, caplog: pytest.LogCaptureFixture
) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
    with site.connect(f"{head}Content-Length: 100\r\n\r\n--".encode()):
        until(lambda: site.web.connected == 1)
        assert site.get("/livez").is_success  # and by then the handler waits for the rest
    until(lambda: site.web.connected == 0)
    site.close()  # which waits for what is still being answered
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@HANGING
def test_a_client_that_is_too_slow_is_cut(
    words: bytes, daemon: Daemon, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "PATIENCE", 0.3)
    fill(daemon)
    with server.connect() as hanging:
        say(hanging, words)
        with suppress(ConnectionError):
            hanging.recv(1, socket.MSG_PEEK)  # until it is answered, or cut
        until(lambda: not server.web.connected)


def test_a_drip_of_bytes_does_not_prolong_a_request(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "PATIENCE", 0.3)
    with server.connect(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n") as dripping:
        dripping.settimeout(0.02)
        began = clock()
        cut = False
        while not cut:
            assert clock() - began < 20
            try:
                dripping.sendall(b"X-a: b\r\n")
                cut = dripping.recv(100) == b""
            except TimeoutError:
                pass
            except ConnectionError:
                cut = True


def test_a_second_request_on_a_connection_has_its_own_time(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "PATIENCE", 2.0)
    with server.connect() as client:
        began = clock()
        while clock() - began < 2.5:
            client.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = b""
            while not answer.endswith(b"}\n"):
                part = client.recv(65536)
                assert part, "it was cut"
                answer += part
            threading.Event().wait(0.1)


def test_who_holds_all_places_gives_way_and_nobody_else(server: Server) -> None:
    with server.connect(b"GET /livez HTTP/1.1\r\n", source="127.0.0.2") as elsewhere:
        lurking = [server.connect(b"GET /") for _ in range(3 * connections.PLACES)]
        try:
            assert server.get("/livez").is_success
            assert server.web.connected <= connections.PLACES
            assert everything(lurking[0]) == b""
            elsewhere.sendall(b"Host: localhost\r\nConnection: close\r\n\r\n")
            assert everything(elsewhere).startswith(b"HTTP/1.1 200 ")
        finally:
            for client in lurking:
                client.close()


@pytest.mark.parametrize(
    "nonsense",
    [b"\0\1\2\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n", b"A" * 100_000],
)
def test_nonsense_is_refused_without_a_word_in_the_log(
    nonsense: bytes, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    with server.connect() as client:
        with suppress(ConnectionError):
            client.sendall(nonsense)
        assert everything(client)[:12] in (b"HTTP/1.1 400", b"")
    assert server.get("/livez").is_success
    assert not caplog.records


def test_a_head_is_bounded(server: Server) -> None:
    head = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-a: " + b"a" * 4 * connections.HEAD
    with server.connect() as client:
        client.sendall(head)
        assert everything(client)[:12] in (b"HTTP/1.1 400", b"")
