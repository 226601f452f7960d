"""A Web in an event loop of its own, what it is asked about, and clients of it."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import httpx

from edgefer.classifier import Classifier
from edgefer.config import Config
from edgefer.files import replacing
from edgefer.health import Health, State
from edgefer.outputs import HttpConfig, WebConfig
from edgefer.sinks.metrics import Metrics
from edgefer.timing import clock
from edgefer.web import Web
from edgefer.web.live import Live
from edgefer.web.serving import Serving
from tests.brokers import until
from tests.drivers import FixedDetector, MeanEngine

RESULT = Path(__file__).parents[2] / "benchmarks" / "results" / "bench.json"
TOKEN = "open-sesame"
PASSWORD = "friend"
PATHS = ("/livez", "/readyz", "/metrics", "/v1/status")


class Daemon:
    """What a server is asked about."""

    def __init__(self, sys: Path) -> None:
        self.now = 0.0
        self.health = Health(lambda: self.now)
        self.camera = self.health.part("camera door", patience=10)
        self.metrics = Metrics(self.health, sys=sys)
        self.live = Live(WebConfig())
        self.models = Serving(
            FixedDetector(), engine := MeanEngine(), Classifier(engine), sys / "mean.onnx"
        )
        self.state: Mapping[str, Any] = {"cameras": {"door": {"total": 29.5, "lost": float("nan")}}}

    def status(self) -> Mapping[str, Any]:
        return self.state

    def web(self, config: HttpConfig, report: Callable[[State, str], object] | None = None) -> Web:
        return Web(Config(http=config), self.health, self.metrics, self.status, report=report)

    def site(self, http: HttpConfig = HttpConfig(port=0), **web: Any) -> Web:  # noqa: B008 - frozen
        """With pages, models, and a camera "door"; `web` are settings of [web]."""
        settings = WebConfig(**{"pages": True, "preview": True, **web})
        self.live = Live(settings, lambda: {"cpu": 41.5})
        self.live.begin("door", self.camera)
        return Web(
            Config(http=http, web=settings),
            self.health,
            self.metrics,
            self.status,
            live=self.live,
            lend=lambda: nullcontext(self.models),
        )


class Pretended:
    """A short bench that does what a test tells it, in its own process; for `bench_command`."""

    def __init__(self, folder: Path) -> None:
        self._said, self._end, self._alive = (folder / name for name in ("said", "end", "alive"))
        self._said.touch()
        program = f"""
import shutil, sys, time
from pathlib import Path
said, end, alive = map(Path, {[str(path) for path in (self._said, self._end, self._alive)]})
alive.touch()
told = 0
while True:
    ended = end.exists() and end.read_text()
    words = said.read_text()
    sys.stdout.write(words[told:])
    sys.stdout.flush()
    told = len(words)
    if ended:
        break
    time.sleep(0.01)
if ended == "0":
    shutil.copy({str(RESULT)!r}, sys.argv[-1])
sys.exit(int(ended))
"""
        self.command = [sys.executable, "-c", program]

    def begun(self) -> bool:
        return self._alive.exists()

    def say(self, line: Mapping[str, Any]) -> None:
        with self._said.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def finish(self, code: int = 0) -> None:
        """End it; with a result where the code is 0."""
        with replacing(self._end) as file:
            file.write(str(code).encode())


class Server:
    """A Web in the event loop of another thread."""

    def __init__(self, web: Web) -> None:
        self.web = web
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self.web.serve())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def call(self, work: Callable[[], object]) -> None:
        """Run it in the server's event loop, as cameras do."""
        self._loop.call_soon_threadsafe(work)

    def close(self) -> float:
        """Seconds that it took."""
        began = clock()
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self.web.close(), self._loop)
            self._thread.join(30)
        assert not self._thread.is_alive()
        return clock() - began

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web.port}"

    def get(self, path: str, **more: Any) -> Any:
        return self.ask("GET", path, **more)

    def post(self, path: str, **more: Any) -> Any:
        return self.ask("POST", path, **more)

    def ask(self, method: str, path: str, **more: Any) -> Any:
        # There is no TLS here, and reading all authorities takes 30 ms.
        return httpx.request(
            method, self.url + path, trust_env=False, verify=False, timeout=60, **more
        )

    def connect(self, data: bytes = b"", source: str = "127.0.0.1") -> socket.socket:
        made = socket.socket()
        made.settimeout(20)
        made.bind((source, 0))
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # what is not read stays there
        made.connect(("127.0.0.1", self.web.port))
        made.sendall(data)
        return made

    def asked(self, data: bytes) -> bytes:
        """What comes back until the server closes."""
        with self.connect(data) as client:
            return everything(client)


def everything(client: socket.socket) -> bytes:
    """What comes until the server closes, or cuts."""
    told = b""
    with suppress(ConnectionError):
        while part := client.recv(65536):
            told += part
    return told


@contextmanager
def serving(web: Web) -> Iterator[Server]:
    server = Server(web)
    try:
        until(lambda: web.standing[0] == "ok")
        yield server
    finally:
        server.close()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
