"""How the server comes, waits for its address, and goes."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading

import httpx
import pytest

from edgefer.outputs import HttpConfig
from tests.brokers import free_port, until
from tests.web.servers import PATHS, Daemon, Server, open_files, serving


def test_a_port_in_use_is_taken_as_soon_as_it_is_free(
    daemon: Daemon, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgefer.web.PAUSE_MAX", 0.05)
    monkeypatch.setattr("edgefer.web.PAUSE", 0.01)
    caplog.set_level("INFO")
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    told: list[str] = []
    web = daemon.web(HttpConfig(port=port), lambda state, _: told.append(state))
    server = Server(web)
    try:
        until(lambda: web.standing[0] == "recovering")
        assert web.standing[1] == f"127.0.0.1:{port}: Address already in use"
        taken.close()
        until(lambda: web.standing == ("ok", ""))
        assert server.get("/livez").status_code == 200
    finally:
        taken.close()
        server.close()
    assert told == ["recovering", "ok"]
    assert len([line for line in caplog.messages if line.startswith("web: ")]) == 2


def test_an_address_that_is_not_there_yet_is_waited_for_and_closing_ends_that(
    daemon: Daemon, token: str
) -> None:
    web = daemon.web(HttpConfig(host="192.0.2.1", port=free_port(), token=token))
    server = Server(web)
    until(lambda: web.standing[0] == "recovering")
    assert "Cannot assign requested address" in web.standing[1]
    assert server.close() < 5


def test_closing_before_serving_ends_at_once(daemon: Daemon) -> None:
    web = daemon.web(HttpConfig(port=0))

    async def scenario() -> None:
        await web.close()
        await web.serve()
        task = asyncio.create_task(web.serve())
        await web.close()
        await task

    asyncio.run(scenario())
    assert web.standing[0] == "starting"


def test_cancelling_frees_the_port_and_signals_were_never_taken(daemon: Daemon) -> None:
    signals = (signal.SIGINT, signal.SIGTERM)
    listening = asyncio.Event()
    web = daemon.web(HttpConfig(port=0), lambda *_: listening.set())

    async def scenario() -> None:
        handlers = [signal.getsignal(each) for each in signals]
        task = asyncio.create_task(web.serve())
        await listening.wait()
        reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
        assert handlers == [signal.getsignal(each) for each in signals]
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await reader.read() == b""
        writer.close()
        await web.close()

    asyncio.run(scenario())
    socket.create_server(("127.0.0.1", web.port)).close()


def test_a_thousand_requests_leave_no_file_open_and_no_thread(daemon: Daemon) -> None:
    before = open_files(), threading.active_count()
    with serving(daemon.web(HttpConfig(port=0))) as server:
        running = open_files(), threading.active_count()
        with httpx.Client(base_url=server.url, trust_env=False) as client:
            for n in range(800):
                assert client.get(PATHS[n % 4]).status_code in (200, 503)
        for n in range(200):
            request = f"GET {PATHS[n % 4]} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            assert server.asked(request.encode()).startswith(b"HTTP/1.1 ")
        until(lambda: (open_files(), threading.active_count()) == running)
    assert (open_files(), threading.active_count()) == before
