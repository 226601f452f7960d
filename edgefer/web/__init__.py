"""How the daemon is asked, over HTTP: /livez, /readyz, /metrics and /v1/status.

It runs in the daemon's own event loop, without threads: an answer is a few milliseconds of work.
Loopback is open to all users of the device; any other address wants a token.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from edgefer.addresses import listening_address
from edgefer.credentials import Secret, read_secret
from edgefer.errors import ConfigError, NotInstalled
from edgefer.health import Health, State
from edgefer.outputs import HttpConfig
from edgefer.sinks.metrics import Metrics

try:
    from edgefer.web.app import application
    from edgefer.web.connections import Listener
except ModuleNotFoundError as exc:
    raise NotInstalled(
        "the web server needs starlette and uvicorn: pip install 'edgefer[daemon]'"
    ) from exc

PAUSE, PAUSE_MAX = 0.5, 30.0
"""Seconds before the address is tried again the first time, doubling, and at most."""

log = logging.getLogger(__name__)


class Web:
    """Answers from `serve` until `close`. All methods are for the event loop's thread."""

    def __init__(
        self,
        config: HttpConfig,
        health: Health,
        metrics: Metrics,
        status: Callable[[], Mapping[str, Any]],
        *,
        report: Callable[[State, str], object] | None = None,
    ) -> None:
        """`status` gives what /v1/status shows; `report` is told how the server stands, and why.

        Port 0 is one that the system chooses. Raises ConfigError where the host is no address,
        or one that others can reach and there is no token, or the token cannot be used.
        """
        address = listening_address("http.host", config.host)
        token = _token(config.token) if config.token else None
        if token is None and not address.is_loopback:
            raise ConfigError(
                f"http.host is {config.host}, which others can reach, and http.token is not set. "
                'Name a file with a token there, or take host = "127.0.0.1"'
            )
        in_url = f"[{address}]" if address.version == 6 else str(address)
        # A page of the web whose name is made to lead to loopback is told by that name.
        names = {"localhost", "127.0.0.1", "[::1]", in_url} if address.is_loopback else set()
        self._listener = Listener(application(health, metrics, status, token, names))
        self._host, self._in_url, self._port = str(address), in_url, config.port
        self._report = report
        self._ending, self._ended = asyncio.Event(), asyncio.Event()
        self._serving = False
        self._standing: tuple[State, str] = ("starting", "")

    @property
    def port(self) -> int:
        """That it listens on; before it does, that of the configuration."""
        return self._port

    @property
    def standing(self) -> tuple[State, str]:
        """How it stands, and why it is not ok."""
        return self._standing

    @property
    def connected(self) -> int:
        """Clients connected now."""
        return self._listener.connected

    async def serve(self) -> None:
        """Answer until closed or cancelled. An address that is taken, or not there yet, is tried
        again for ever."""
        self._serving = True
        pause = PAUSE
        try:
            while not self._ending.is_set():
                try:
                    listening = _listen(self._host, self._port)
                except OSError as exc:
                    self._say("recovering", exc.strerror or str(exc))
                    with suppress(asyncio.TimeoutError):
                        await asyncio.wait_for(self._ending.wait(), pause)
                    pause = min(pause * 2, PAUSE_MAX)
                else:
                    self._port = listening.getsockname()[1]
                    self._say("ok", "")
                    await self._listener.answer(listening, self._ending)
        finally:
            self._ended.set()

    async def close(self) -> None:
        """Answer what was asked, within half a second, and cut who still reads or has not asked.
        Safe to call twice."""
        self._ending.set()
        if self._serving:
            await self._ended.wait()

    def _say(self, state: State, fault: str) -> None:
        where = f"{self._in_url}:{self._port}"
        reason = fault and f"{where}: {fault}"
        if (state, reason) == self._standing:
            return  # one line for each change, not for each attempt
        self._standing = (state, reason)
        if reason:
            log.warning("web: %s; trying again", reason)
        else:
            log.info("web: listening on http://%s", where)
        if self._report is not None:
            self._report(state, reason)


def _token(where: str) -> Secret:
    token = read_secret("http.token", where)
    if not re.fullmatch("[!-~]+", token.reveal()):
        raise ConfigError("http.token: a header takes ASCII without spaces, the token has more")
    return token


def _listen(host: str, port: int) -> socket.socket:
    """Raises OSError."""
    flags = socket.AI_NUMERICHOST | socket.AI_PASSIVE
    family, kind, protocol, _, where = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=flags
    )[0]
    listening = socket.socket(family, kind, protocol)
    try:
        # What a former run left in TIME_WAIT is no obstacle; another listener is.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(where)
        listening.listen()
    except OSError:
        listening.close()
        raise
    return listening
