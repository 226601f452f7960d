"""Fixtures of the web server's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("httpx", reason="pip install 'edgefer[daemon]'")
pytest.importorskip("uvicorn", reason="pip install 'edgefer[daemon]'")
pytest.importorskip("starlette", reason="pip install 'edgefer[daemon]'")
from edgefer.outputs import HttpConfig
from edgefer.web import benching
from tests.web.browsers import chromium
from tests.web.servers import PASSWORD, TOKEN, Daemon, Pretended, Server, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    return Daemon(tmp_path)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def server(daemon: Daemon) -> Iterator[Server]:
    with serving(daemon.web(HttpConfig(port=0))) as running:
        yield running


@pytest.fixture
def site(daemon: Daemon) -> Iterator[Server]:
    """With pages, and a camera "door" whose pictures may be seen."""
    with serving(daemon.site()) as running:
        yield running


@pytest.fixture
def pretended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pretended:
    """What runs where a visitor begins a bench."""
    (folder := tmp_path / "pretended").mkdir()
    found = Pretended(folder)
    monkeypatch.setattr(benching, "bench_command", lambda _: found.command)
    return found


def secret(path: Path, value: str) -> str:
    path.write_text(value + "\n")
    path.chmod(0o400)
    return str(path)


@pytest.fixture
def token(tmp_path: Path) -> str:
    return secret(tmp_path / "token", TOKEN)


@pytest.fixture
def password(tmp_path: Path) -> str:
    return secret(tmp_path / "password", PASSWORD)
