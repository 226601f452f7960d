"""What is answered, and to whom."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from edgefer.errors import ConfigError
from edgefer.outputs import HttpConfig
from tests.brokers import until, wanted
from tests.web.servers import PATHS, TOKEN, Daemon, Server, serving


def test_it_is_alive_while_its_parts_are_and_says_which_are_not(
    daemon: Daemon, server: Server
) -> None:
    daemon.camera.report("ok")
    answer = server.get("/livez")
    assert (answer.status_code, answer.json()) == (200, {"good": True, "reasons": [], "notes": []})
    daemon.now = 11
    answer = server.get("/livez")
    assert answer.status_code == 503
    reason = "camera door: no progress for 11.0 s; 10 s are allowed"
    assert answer.json() == {"good": False, "reasons": [reason], "notes": []}


def test_it_is_ready_when_what_is_needed_works(daemon: Daemon, server: Server) -> None:
    assert server.get("/readyz").json()["reasons"] == ["camera door: starting"]
    daemon.camera.report("recovering", "no such device")
    answer = server.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"good": False, "reasons": ["camera door: no such device"], "notes": []}
    assert server.get("/livez").status_code == 200, "recovering is alive"
    daemon.camera.report("ok")
    answer = server.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"good": True, "reasons": [], "notes": []})


def test_promtool_accepts_what_is_served(daemon: Daemon, server: Server) -> None:
    daemon.metrics.camera("door")
    answer = server.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert b'edgefer_frames_total{camera="door",look="still"} 0.0' in answer.content
    promtool = wanted("promtool", shutil.which("promtool"), "prometheus")
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=answer.content, capture_output=True
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")


def test_the_status_is_json_and_a_rate_of_nothing_is_null(server: Server) -> None:
    answer = server.get("/v1/status")
    assert answer.headers["Content-Type"] == "application/json"
    told = json.loads(answer.content, parse_constant=pytest.fail)
    assert told == {"cameras": {"door": {"total": 29.5, "lost": None}}}


def test_a_bug_in_the_status_is_a_500_and_in_the_log(
    daemon: Daemon, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    daemon.state = {"cameras": object()}
    answer = server.get("/v1/status")
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    until(lambda: any("not JSON serializable" in (r.exc_text or "") for r in caplog.records))
    assert server.get("/livez").status_code == 200


@pytest.mark.parametrize("path", [*PATHS, "/absent", "/livez/", "/"])
def test_no_answer_is_kept_sniffed_or_tells_the_software(path: str, server: Server) -> None:
    answer = server.get(path)
    assert answer.status_code == (404 if path not in PATHS else 503 if path == "/readyz" else 200)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Date"].endswith("GMT")
    assert "Server" not in answer.headers


def test_only_reading_is_allowed(server: Server) -> None:
    assert httpx.head(server.url + "/livez", trust_env=False).content == b""
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        answer = httpx.request(method, server.url + "/livez", trust_env=False)
        assert answer.status_code == 405


@pytest.mark.parametrize("how", [{"content": b"x"}, {"content": iter([b"x"])}])
def test_a_request_with_a_body_is_refused(how: Any, server: Server) -> None:
    answer = httpx.request("GET", server.url + "/livez", trust_env=False, **how)
    assert answer.status_code == 413
    assert answer.headers["Connection"] == "close"


def test_a_body_without_end_is_not_read(server: Server) -> None:
    head = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000000\r\n\r\n"
    assert b" 413 " in server.asked(head).splitlines()[0]


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8377", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8377"]
)
def test_it_answers_to_its_names(host: str, server: Server) -> None:
    assert server.get("/livez", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8377", "localhost.evil.example", "127.0.0.1.evil.example"],
)
def test_a_name_that_was_rebound_to_loopback_is_refused(host: str, server: Server) -> None:
    for path in PATHS:
        assert server.get(path, headers={"Host": host}).status_code == 421


def test_a_request_without_host_is_refused(server: Server) -> None:
    told = server.asked(b"GET /metrics HTTP/1.0\r\n\r\n")
    assert b" 421 " in told.splitlines()[0]


def test_the_address_of_the_configuration_is_a_name_too(daemon: Daemon) -> None:
    with serving(daemon.web(HttpConfig(host="127.0.0.2", port=0))) as server:
        url = f"http://127.0.0.2:{server.web.port}/livez"
        assert httpx.get(url, trust_env=False).status_code == 200


def test_ipv6_loopback_is_served(daemon: Daemon) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here: enable it in the kernel")
    with serving(daemon.web(HttpConfig(host="::1", port=0))) as server:
        url = f"http://[::1]:{server.web.port}/livez"
        assert httpx.get(url, trust_env=False).status_code == 200


def test_with_a_token_every_path_wants_it(daemon: Daemon, token: str) -> None:
    with serving(daemon.web(HttpConfig(port=0, token=token))) as server:
        for path in (*PATHS, "/absent"):
            assert server.get(path).status_code == 401
            good = server.get(path, headers={"Authorization": f"Bearer {TOKEN}"})
            assert good.status_code not in (401, 500)
        assert server.get("/livez", headers={"Authorization": f"bearer {TOKEN}"}).is_success


@pytest.mark.parametrize(
    "given",
    ["", "Bearer", "Bearer open", "Bearer open-sesame2", "Basic open-sesame"],
)
def test_a_wrong_token_is_refused(given: str, daemon: Daemon, token: str) -> None:
    with serving(daemon.web(HttpConfig(port=0, token=token))) as server:
        answer = server.get("/livez", headers={"Authorization": given})
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert TOKEN not in answer.text
        raw = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \xff\xfe\r\n\r\n"
        assert b" 401 " in server.asked(raw).splitlines()[0]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "fe80::1"])
def test_who_can_be_reached_by_others_needs_a_token(host: str, daemon: Daemon, token: str) -> None:
    with pytest.raises(ConfigError, match=r"http\.token is not set"):
        daemon.web(HttpConfig(host=host))
    daemon.web(HttpConfig(host=host, token=token))


def test_on_all_addresses_any_name_does_with_the_token(daemon: Daemon, token: str) -> None:
    with serving(daemon.web(HttpConfig(host="0.0.0.0", port=0, token=token))) as server:
        headers = {"Host": "camera.lan", "Authorization": f"Bearer {TOKEN}"}
        assert server.get("/livez", headers=headers).is_success


@pytest.mark.parametrize("host", ["camera.lan", "127.0.0.1:80", "", "http://127.0.0.1"])
def test_a_host_that_is_no_address_is_refused(host: str, daemon: Daemon) -> None:
    with pytest.raises(ConfigError, match=r"http\.host"):
        daemon.web(HttpConfig(host=host))


def test_a_token_that_no_header_takes_is_refused_and_not_quoted(
    daemon: Daemon, tmp_path: Path
) -> None:
    path = tmp_path / "spaces"
    path.write_text("open sesame")
    path.chmod(0o400)
    with pytest.raises(ConfigError, match="ASCII without spaces") as caught:
        daemon.web(HttpConfig(token=str(path)))
    assert "sesame" not in str(caught.value)
