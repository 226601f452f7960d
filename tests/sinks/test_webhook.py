"""The sink against a real HTTP server that answers as a test says."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from edgefer.errors import ConfigError
from edgefer.outputs import WebhookConfig
from edgefer.timing import clock
from tests.brokers import free_port, until

pytest.importorskip("httpx", reason="pip install 'edgefer[daemon]'")
from edgefer.sinks.webhook import Webhook

QUICK = WebhookConfig(timeout=2, backoff=0.01, backoff_max=0.05)


class Server:
    """Answers with `answers` in turn, then 204; remembers what it was sent."""

    def __init__(self, *answers: int, gate: threading.Event | None = None) -> None:
        self.asked: list[tuple[dict[str, str], Any]] = []
        left = list(answers)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(handler) -> None:  # noqa: N805
                body = handler.rfile.read(int(handler.headers["Content-Length"]))
                self.asked.append((dict(handler.headers), json.loads(body)))
                if gate is not None:
                    gate.wait(30)
                status = left.pop(0) if left else 204
                handler.send_response(status)
                if status == 302:
                    handler.send_header("Location", "/elsewhere")
                if status == 503:
                    handler.send_header("Retry-After", "1000000")
                handler.send_header("Content-Length", "0")
                handler.end_headers()

            def log_message(handler, *_: object) -> None:  # noqa: N805
                """Nothing on the terminal."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/hooks/private-path"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def numbers(self) -> list[int]:
        return [body["n"] for _, body in self.asked]

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()


@contextmanager
def posting(url: str, config: WebhookConfig = QUICK, **more: Any) -> Iterator[Webhook]:
    hook = Webhook(replace(config, url=url), **more)
    hook.start()
    try:
        yield hook
    finally:
        asyncio.run(hook.close())


def test_events_arrive_in_order_with_a_time() -> None:
    with Server() as server:
        with posting(server.url) as hook:
            for n in range(20):
                hook.tell({"event": "face_appeared", "n": n})
            until(lambda: hook.posted == 20)
        assert server.numbers() == list(range(20))
        headers, body = server.asked[0]
        assert headers["Content-Type"] == "application/json"
        assert body["time"].endswith("+00:00")
        assert not hook.drops


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408])
def test_a_passing_fault_is_tried_again_as_the_same_event(status: int) -> None:
    with Server(status, status) as server, posting(server.url) as hook:
        hook.tell({"n": 1})
        until(lambda: hook.posted == 1)
        assert server.numbers() == [1, 1, 1]
        assert len({headers["Idempotency-Key"] for headers, _ in server.asked}) == 1
        assert hook.standing == ("ok", "")


@pytest.mark.parametrize("status", [302, 400, 401, 404, 410])
def test_a_refusal_drops_the_event_and_not_the_next(status: int) -> None:
    with Server(status) as server, posting(server.url) as hook:
        hook.tell({"n": 1})
        hook.tell({"n": 2})
        until(lambda: hook.posted == 1)
        assert server.numbers() == [1, 2]
        assert hook.drops == {"refused": 1}


def test_after_the_last_attempt_an_event_is_dropped() -> None:
    told: list[str] = []
    config = replace(QUICK, attempts=3)
    url = f"http://127.0.0.1:{free_port()}/"
    with posting(url, config, dropped=told.append) as hook:
        hook.tell({"n": 1})
        until(lambda: hook.drops == {"unanswered": 1})
        assert "Connection refused" in hook.standing[1]
    assert told == ["unanswered"]


def test_a_server_that_hangs_delays_nobody_and_the_oldest_are_dropped() -> None:
    gate = threading.Event()
    with Server(gate=gate) as server, posting(server.url, replace(QUICK, buffer=10)) as hook:
        hook.tell({"n": 0})
        until(lambda: server.numbers() == [0])
        began = clock()
        for n in range(1, 101):
            hook.tell({"n": n})
        assert clock() - began < 1
        assert hook.drops == {"overflow": 90}
        gate.set()
        until(lambda: hook.posted == 11)
        assert server.numbers() == [0, *range(91, 101)]


def test_a_server_that_never_answers_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with posting(url, replace(QUICK, timeout=0.1, attempts=1)) as hook:
            hook.tell({"n": 1})
            until(lambda: hook.drops == {"unanswered": 1})


def test_closing_does_not_wait_for_a_server_that_hangs() -> None:
    gate = threading.Event()
    with Server(gate=gate) as server:
        hook = Webhook(replace(QUICK, url=server.url, timeout=30))
        hook.start()
        for n in range(3):
            hook.tell({"n": n})
        until(lambda: server.numbers() == [0])
        began = clock()
        asyncio.run(hook.close())
        assert clock() - began < 2
        assert hook.drops == {"closed": 2}
        gate.set()


def test_the_token_is_sent_and_never_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    (tmp_path / "hook-token").write_text("open-sesame\n")
    (tmp_path / "hook-token").chmod(0o400)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with Server(500, 401) as server:
        with posting(server.url, replace(QUICK, token="hook-token")) as hook:
            hook.tell({"n": 1})
            until(lambda: hook.drops == {"refused": 1})
        assert server.asked[0][0]["Authorization"] == "Bearer open-sesame"
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("edgefer")]
    assert any("answers 401" in line for line in ours)
    assert not any("sesame" in line for line in caplog.messages)
    assert not any("private-path" in line for line in ours)


@pytest.mark.parametrize(
    "url",
    [
        *("", "ftp://a/", "http:///x", "https://me:secret@host/", "host", "http://a:secret/"),
        *("http://[::1/", "http://a/secret\n", "http://a:99999/"),
    ],
)
def test_an_address_that_cannot_be_is_a_config_error(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Webhook(replace(QUICK, url=url))
    assert "secret" not in str(caught.value)


def test_a_token_that_no_header_takes_is_refused_and_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("sesam-öffne-dich")
    (tmp_path / "token").chmod(0o600)
    with pytest.raises(ConfigError, match="ASCII") as caught:
        Webhook(replace(QUICK, url="https://host/", token=str(tmp_path / "token")))
    assert "sesam" not in str(caught.value)


def test_a_missing_authority_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="absent"):
        Webhook(replace(QUICK, url="https://host/", ca="/absent.pem"))
