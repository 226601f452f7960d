"""`edgefer run --web`: the pages of one run."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys

import httpx
import pytest

pytest.importorskip("jinja2", reason="pip install 'edgefer[web]'")
pytest.importorskip("python_multipart", reason="pip install 'edgefer[web]'")

from edgefer.cli.run_web import with_pages
from edgefer.config import Config
from edgefer.errors import ConfigError
from tests.daemons import free_port, wait_for


@pytest.mark.parametrize(
    ("where", "host", "port"),
    [
        ("", "127.0.0.1", 8377),
        ("8000", "127.0.0.1", 8000),
        (":8000", "127.0.0.1", 8000),
        ("0.0.0.0:8000", "0.0.0.0", 8000),
        ("[::1]:8000", "::1", 8000),
        ("localhost:1", "localhost", 1),
    ],
)
def test_an_address_is_taken_as_it_is_meant(where: str, host: str, port: int) -> None:
    config = with_pages(Config(), where)
    assert (config.http.host, config.http.port) == (host, port)
    assert config.web.pages
    assert config.web.preview


@pytest.mark.parametrize(
    "where", ["demo://", "clip.mp4", "host:", "host:0", "host:99999", "::1:80"]
)
def test_a_source_is_no_address(where: str) -> None:
    with pytest.raises(ConfigError, match="edgefer run SOURCE --web"):
        with_pages(Config(), where)


def test_a_run_is_seen_and_ends_with_its_pages() -> None:
    port = free_port()
    command = [sys.executable, "-m", "edgefer", "run", "demo://?fps=15", "--web", str(port)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            url = f"http://127.0.0.1:{port}"

            def picture() -> httpx.Response | None:
                try:
                    answer = httpx.get(url + "/v1/cameras/camera/picture", timeout=60)
                except httpx.TransportError:
                    return None
                return answer if answer.is_success else None

            jpeg = wait_for(picture, "a picture").content
            told = httpx.post(url + "/v1/predict", content=jpeg, timeout=60).json()
            assert told["images"][0]["size"] == [640, 480]
            assert httpx.get(url + "/v1/status", timeout=60).json()["ready"]
            assert httpx.get(url + "/", timeout=60).is_success
            process.send_signal(signal.SIGINT)
            _, shown = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0
    assert f"pages: {url}/" in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize("missing", ["prometheus_client", "uvicorn", "jinja2", "python_multipart"])
def test_what_pages_lack_is_told_at_once_by_the_one_name_that_brings_all(missing: str) -> None:
    program = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from edgefer.cli import main; sys.exit(main(['run', 'absent.mp4', '--web']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr.count("pip install")) == (8, 1)
    assert "pip install 'edgefer[web]'" in done.stderr


def test_an_address_that_is_taken_ends_the_run_before_it_began() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        command = [sys.executable, "-m", "edgefer", "run", "demo://", "--web", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 7
    (line,) = done.stderr.splitlines()
    assert f"http://127.0.0.1:{port}/: Address already in use" in line


def test_pages_for_others_want_a_secret() -> None:
    command = [sys.executable, "-m", "edgefer", "run", "demo://", "--web", "0.0.0.0:8000"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "http.token" in done.stderr
