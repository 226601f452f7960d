"""Fixtures of the web server's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("httpx", reason="pip install 'edgefer[daemon]'")
pytest.importorskip("uvicorn", reason="pip install 'edgefer[daemon]'")
pytest.importorskip("starlette", reason="pip install 'edgefer[daemon]'")
from edgefer.outputs import HttpConfig
from tests.web.servers import TOKEN, Daemon, Server, serving


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    return Daemon(tmp_path)


@pytest.fixture
def server(daemon: Daemon) -> Iterator[Server]:
    with serving(daemon.web(HttpConfig(port=0))) as running:
        yield running


@pytest.fixture
def token(tmp_path: Path) -> str:
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    path.chmod(0o400)
    return str(path)
