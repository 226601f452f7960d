"""`edgefer health`, asked of real daemons, and of what is none."""

from __future__ import annotations

import http.server
import json
import os
import signal
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("httpx", reason="pip install 'edgefer[daemon]'")
pytest.importorskip("uvicorn", reason="pip install 'edgefer[daemon]'")
pytest.importorskip("starlette", reason="pip install 'edgefer[daemon]'")
from edgefer.cli import health, main
from edgefer.config_file import load_config
from edgefer.errors import ConfigError, EdgeferError
from edgefer.outputs import HttpConfig
from tests import daemons
from tests.daemons import free_port, wait_for
from tests.web.servers import PASSWORD, TOKEN, Daemon, serving

Captured = pytest.CaptureFixture[str]


@contextmanager
def running(folder: Path, config: str) -> Iterator[daemons.Daemon]:
    daemon = daemons.Daemon(folder, config)
    try:
        daemon.wait_ready()
        yield daemon
    finally:
        daemon.end()


def asked(path: Path, *options: str) -> int:
    return main(["health", "--config", str(path), *options])


def config_of(folder: Path, port: int, more: str = "") -> Path:
    path = folder / "edgefer.toml"
    path.write_text(f"[http]\nport = {port}\n{more}")
    path.chmod(0o600)
    return path


def secret(folder: Path, value: str) -> Path:
    path = folder / "token"
    path.write_text(value)
    path.chmod(0o400)
    return path


def test_a_daemon_that_works_is_ready_and_a_proxy_is_not_asked(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    with running(tmp_path, '[source]\nurl = "demo://?fps=30"\n') as daemon:
        wait_for(lambda: asked(daemon.path) == 0, "ready")
        capsys.readouterr()
        assert asked(daemon.path) == 0
        assert capsys.readouterr().out == "ready\n"
        assert asked(daemon.path, "--live") == 0
        assert capsys.readouterr().out == "alive\n"
        assert asked(daemon.path, "--json") == 0
        assert json.loads(capsys.readouterr().out) == {"good": True, "reasons": [], "notes": []}


def test_a_daemon_without_its_camera_is_alive_and_not_ready_and_says_why(
    tmp_path: Path, capsys: Captured
) -> None:
    gone = tmp_path / "gone.png"
    with running(tmp_path, f'[[camera]]\nname = "door"\nurl = "{gone}"\n') as daemon:
        wait_for(lambda: asked(daemon.path) == 1 and "gone.png" in capsys.readouterr().out, "why")
        assert asked(daemon.path) == 1
        (line,) = capsys.readouterr().out.splitlines()
        assert line.startswith("camera door: ")
        assert asked(daemon.path, "--live") == 0
        capsys.readouterr()
        assert asked(daemon.path, "--json") == 1
        told = json.loads(capsys.readouterr().out)
        assert (told["good"], len(told["reasons"])) == (False, 1)


def test_a_daemon_that_listens_everywhere_is_asked_at_loopback_with_its_token(
    tmp_path: Path, capsys: Captured
) -> None:
    token = secret(tmp_path, TOKEN)
    http = f'[http]\nhost = "0.0.0.0"\nport = {free_port()}\ntoken = "{token}"\n'
    with running(tmp_path, http) as daemon:
        assert asked(daemon.path, "--live") == 0
        token.chmod(0o600)
        token.write_text("another")
        assert asked(daemon.path, "--live") == 2
        said = capsys.readouterr().err
        assert "wants another token" in said
        assert "another\n" not in said
        (tmp_path / "bare").mkdir()
        bare = config_of(tmp_path / "bare", load_config(daemon.path).http.port)
        assert asked(bare, "--live") == 2
        assert f"wants a token, and {bare} names none" in capsys.readouterr().err


def test_a_password_of_the_pages_keeps_no_probe_out(tmp_path: Path, capsys: Captured) -> None:
    daemon = Daemon(tmp_path)
    daemon.camera.report("ok")
    password = str(secret(tmp_path, PASSWORD))
    with serving(daemon.site(HttpConfig(host="0.0.0.0", port=0), password=password)) as server:
        path = config_of(tmp_path, server.web.port)
        assert asked(path) == 0
        assert capsys.readouterr().out == "ready\n"


def test_a_daemon_that_hangs_is_not_waited_for(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(tmp_path, "") as daemon:
        daemon.send(signal.SIGSTOP)
        monkeypatch.setattr(health, "ANSWER", 0.2)
        assert asked(daemon.path, "--live") == 1
    assert "timed out" in capsys.readouterr().err


def test_each_part_that_is_stuck_is_one_line(tmp_path: Path, capsys: Captured) -> None:
    daemon = Daemon(tmp_path)
    daemon.camera.report("ok")
    daemon.health.part("engine").report("failed", "a reason\nof two lines")
    daemon.now = 11
    with serving(daemon.web(HttpConfig(port=0))) as server:
        path = config_of(tmp_path, server.web.port)
        assert asked(path, "--live") == 1
    assert capsys.readouterr().out.splitlines() == [
        "camera door: no progress for 11.0 s; 10 s are allowed",
        "engine: a reason of two lines",
    ]


@pytest.mark.parametrize(("host", "asked_at"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]")])
def test_where_nobody_answers_the_error_says_who_was_asked_and_what_to_look_at(
    host: str, asked_at: str, tmp_path: Path
) -> None:
    config, file = HttpConfig(host=host, port=free_port()), tmp_path / "door.toml"
    with pytest.raises(EdgeferError) as caught:
        health.ask(config, "/livez", "", file)
    assert caught.value.exit_code == 1
    for words in (f"{asked_at}:{config.port}", "systemctl status", str(file)):
        assert words in str(caught.value)


def test_a_dead_port_ends_with_1_and_nothing_on_stdout(tmp_path: Path, capsys: Captured) -> None:
    assert asked(config_of(tmp_path, free_port()), "--json") == 1
    said = capsys.readouterr()
    assert (said.out, "no daemon answers" in said.err) == ("", True)


def test_a_daemon_that_nobody_can_ask_is_an_error_of_the_configuration(
    tmp_path: Path, capsys: Captured
) -> None:
    assert asked(config_of(tmp_path, 0)) == 2
    assert "port = 0" in capsys.readouterr().err


class Page(http.server.BaseHTTPRequestHandler):
    """Some page of the web, which also tries to send us elsewhere."""

    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", "http://127.0.0.1:1/")
        self.end_headers()
        self.wfile.write(b"<html>")

    def log_message(self, *_: object) -> None:
        pass


class Mail(socketserver.StreamRequestHandler):
    """Something that speaks no HTTP."""

    def handle(self) -> None:
        self.wfile.write(b"220 mail.example ESMTP\r\n")
        while self.rfile.readline().strip():
            pass  # read, as closing would else cut what was answered


@pytest.mark.parametrize(("handler", "words"), [(Page, "something else"), (Mail, "220 mail")])
def test_something_else_at_the_port_is_told(
    handler: type[socketserver.BaseRequestHandler], words: str, tmp_path: Path
) -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            config = HttpConfig(port=server.server_address[1])
            with pytest.raises(EdgeferError, match=words) as caught:
                health.ask(config, "/readyz", "ünfit", tmp_path)
        finally:
            server.shutdown()
            thread.join()
    assert caught.value.exit_code == 1


def test_without_a_file_the_defaults_are_asked_and_with_one_that_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PLACE", tmp_path / "edgefer.toml")
    assert health.settings(None) == HttpConfig()
    config_of(tmp_path, 8400)
    assert health.settings(None).port == 8400
    with pytest.raises(ConfigError, match="cannot read"):
        health.settings(tmp_path / "other.toml")


def test_who_may_not_read_the_configuration_is_told_to_ask_as_root(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "etc"
    closed.mkdir()
    monkeypatch.setattr(health, "PLACE", config_of(closed, 8400))
    closed.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # nobody: root may read everything
    try:
        assert main(["health"]) == 2
    finally:
        os.seteuid(user)
        closed.chmod(0o700)
    assert "sudo edgefer health" in capsys.readouterr().err
