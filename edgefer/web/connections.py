"""Connections: uvicorn's, with a bound on how long one may take and on how many there are.

uvicorn has no limit on how slowly a request may come, and with `limit_concurrency` it would
answer 503 to the probe while others hold all places. Here each request has PATIENCE seconds to
come and be answered, and who comes when all places are taken gets one of whoever has most.

Its Server is not used: it would take over SIGINT and SIGTERM, wait on closing for clients that
never read, and wake up ten times a second.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

PATIENCE = 10.0
"""Seconds from a connection's beginning, or from the answer before, until an answer is sent."""

IDLE = 5
"""Seconds that a connection is kept for a next request to begin."""

PLACES = 64
"""Connections at once. A probe, a Prometheus and some people need five."""

WAITING = 256
"""Connections that the kernel holds until the event loop takes them; more wait a second longer."""

WAITING_BYTES = 65536
"""Bytes of a stream that the kernel keeps, or twice as many: one picture or two."""

HEAD = 8192
"""Bytes of a request's head."""

GRACE = 0.5
"""Seconds in which what was asked is answered at the end."""


class Listener:
    """Answers on a listening socket."""

    def __init__(self, app: ASGIApp) -> None:
        self._config = uvicorn.Config(
            app,
            http=Connection,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level=logging.ERROR,  # a client's nonsense is no line of ours
            access_log=False,
            proxy_headers=False,
            server_header=False,
            workers=1,
            timeout_keep_alive=IDLE,
            h11_max_incomplete_event_size=HEAD,
        )
        self._config.load()
        self._state = ServerState()

    @property
    def connected(self) -> int:
        """Clients, of whom some may not have asked anything yet."""
        return len(self._state.connections)

    async def answer(self, listening: socket.socket, ending: asyncio.Event) -> None:
        """Until `ending` is set, or cancelled; then the socket is closed."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: Connection(self._config, self._state, {}), sock=listening, backlog=WAITING
        )
        try:
            await ending.wait()
        finally:
            server.close()
            await self._answered()
            for connection in list(self._state.connections):
                connection.transport.abort()
            await self._answered()
            await asyncio.sleep(0)  # in which the transports that were cut close their sockets

    async def _answered(self) -> None:
        if self._state.tasks:
            await asyncio.wait(list(self._state.tasks), timeout=GRACE)


class Connection(H11Protocol):
    """One client, which is cut when its time is over or its place is needed."""

    def __init__(self, *args: Any, **more: Any) -> None:  # Any: uvicorn's own
        super().__init__(*args, **more)
        self._began = self.loop.time()
        self._deadline: asyncio.TimerHandle
        self.app_state = {"connection": self}  # for `allow`, in each request's state

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = self.loop.call_later(PATIENCE, self._cut)
        if len(self.connections) > PLACES:
            everybody = [each for each in self.connections if isinstance(each, Connection)]
            held = Counter(each._host for each in everybody)
            max(everybody, key=lambda each: (held[each._host], -each._began))._cut()

    def allow(self, seconds: float) -> None:
        """Let what is asked now take so long from now on, as an upload or a stream may."""
        if not self.transport.is_closing():
            self._deadline.cancel()
            self._deadline = self.loop.call_later(seconds, self._cut)

    def stream(self) -> None:
        """What is sent now has no end: little of it waits in the kernel for who reads slowly."""
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, WAITING_BYTES)

    def on_response_complete(self) -> None:
        self._deadline.cancel()
        self._deadline = self.loop.call_later(PATIENCE, self._cut)
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.cancel()
        self.app_state = {}
        super().connection_lost(exc)

    @property
    def _host(self) -> str:
        return self.client[0] if self.client else ""

    def _cut(self) -> None:
        self.connections.discard(self)
        self.transport.abort()
