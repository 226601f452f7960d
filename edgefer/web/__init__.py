"""How the daemon is asked, over HTTP: /livez, /readyz, /metrics and /v1/status, and with [web]
pages the pages for people and the API behind them.

It runs in the daemon's own event loop: an answer is a few milliseconds of work, and what takes
longer, as a visitor's picture, has a thread of its own. Loopback is open to all users of the
device unless there is a password; any other address wants a token or a password. A password is for
people: without a token all but health is refused to programs then (access.py).
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from edgefer.addresses import listening_address
from edgefer.backoff import Backoff
from edgefer.config import Config
from edgefer.credentials import read_secret, read_token
from edgefer.errors import ConfigError, NotInstalled
from edgefer.health import Health, State
from edgefer.sinks.metrics import Metrics

try:
    from starlette.routing import Route

    from edgefer.web.access import Access
    from edgefer.web.app import OPERATIONS, application
    from edgefer.web.benching import Bench
    from edgefer.web.connections import Listener
    from edgefer.web.limits import BODIES, Room, body_limit
    from edgefer.web.live import Live
    from edgefer.web.operations import Operation
    from edgefer.web.predicting import Predicting
    from edgefer.web.serving import Lender, no_models
    from edgefer.web.site import Site
except ModuleNotFoundError as exc:
    raise NotInstalled(
        "the web server needs starlette and uvicorn: pip install 'edgefer[daemon]', or for pages "
        "'edgefer[web]'"
    ) from exc

PAUSE, PAUSE_MAX = 0.5, 30.0
"""Seconds before the address is tried again the first time, doubling, and at most."""

log = logging.getLogger(__name__)


class Web:
    """Answers from `serve` until `close`. All methods are for the event loop's thread."""

    def __init__(
        self,
        config: Config,
        health: Health,
        metrics: Metrics,
        status: Callable[[], Mapping[str, Any]],
        *,
        live: Live | None = None,
        lend: Lender = no_models,
        left: dict[str, None] | None = None,
        report: Callable[[State, str], object] | None = None,
    ) -> None:
        """`status` gives what /v1/status shows; `live` is told what the cameras see, `lend` lends
        their models; `left` are the sessions that were signed out of; `report` is told how the
        server stands, and why.

        Port 0 is one that the system chooses. Raises ConfigError where the host is no address,
        or one that others can reach and there is no secret, or a secret cannot be used; and
        NotInstalled where pages are wanted and what they need is not here.
        """
        http, web = config.http, config.web
        address = listening_address("http.host", http.host)
        self._in_url = f"[{address}]" if address.version == 6 else str(address)
        access = _access(config, address, self._in_url, left)
        self.live = live or Live(web)
        self._predicting = Predicting(lend, web.uploads)
        self._bench = Bench()
        site = Site(
            config=config,
            health=health,
            metrics=metrics,
            status=status,
            live=self.live,
            predicting=self._predicting,
            access=access,
            room=Room(BODIES * body_limit(web)),
            bench=self._bench,
        )
        operations: Sequence[Operation] = OPERATIONS
        pages: Sequence[Route] = ()
        if web.pages:
            operations, pages = _for_people(site)
        self._listener = Listener(application(site, operations, pages))
        self._host, self._port = str(address), http.port
        self._report = report
        self._taken: socket.socket | None = None
        self._ending, self._ended = asyncio.Event(), asyncio.Event()
        self._serving = False
        self._standing: tuple[State, str] = ("starting", "")

    @property
    def port(self) -> int:
        """That it listens on; before it does, that of the configuration."""
        return self._port

    @property
    def url(self) -> str:
        """Where to ask, such as http://127.0.0.1:8377/."""
        return f"http://{self._in_url}:{self._port}/"

    @property
    def standing(self) -> tuple[State, str]:
        """How it stands, and why it is not ok."""
        return self._standing

    @property
    def connected(self) -> int:
        """Clients connected now."""
        return self._listener.connected

    def listen(self) -> None:
        """Take the address now, for a `serve` that need not wait for it. Raises OSError where it
        cannot be had."""
        self._taken = _listen(self._host, self._port)

    async def serve(self) -> None:
        """Answer until closed or cancelled. An address that is taken, or not there yet, is tried
        again for ever."""
        self._serving = True
        again = Backoff(PAUSE, PAUSE_MAX)
        keeping = asyncio.create_task(self.live.keep(), name="history")
        try:
            while not self._ending.is_set():
                try:
                    listening = self._taken or _listen(self._host, self._port)
                except OSError as exc:
                    self._say("recovering", exc.strerror or str(exc))
                    with suppress(asyncio.TimeoutError):
                        await asyncio.wait_for(self._ending.wait(), again.pause())
                else:
                    self._taken = None
                    self._port = listening.getsockname()[1]
                    self._say("ok", "")
                    again.went_well()
                    await self._listener.answer(listening, self._ending)
        finally:
            keeping.cancel()
            self._predicting.close()
            self.live.close()
            await self._bench.close()
            self._ended.set()

    async def close(self) -> None:
        """Answer what was asked, within half a second, and cut who still reads or has not asked.
        Safe to call twice."""
        self._ending.set()
        if self._taken is not None:
            self._taken.close()
            self._taken = None
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


def _access(
    config: Config,
    address: IPv4Address | IPv6Address,
    in_url: str,
    left: dict[str, None] | None,
) -> Access:
    http, web = config.http, config.web
    token = read_token("http.token", http.token) if http.token else None
    password = read_secret("web.password", web.password) if web.pages and web.password else None
    if token is None and password is None and not address.is_loopback:
        raise ConfigError(
            f"http.host is {http.host}, which others can reach, and http.token is not set. "
            "Name a file with a token there, or one with web.password for the pages, or take "
            'host = "127.0.0.1"'
        )
    # A page of the web whose name is made to lead to loopback is told by that name.
    names = {"localhost", "127.0.0.1", "[::1]", in_url} if address.is_loopback else frozenset()
    return Access(token, password, names, left=left)


def _for_people(site: Site) -> tuple[tuple[Operation, ...], list[Route]]:
    """The operations and the routes of [web] pages. Imported only where they are asked for: their
    libraries take memory and time. Raises NotInstalled."""
    try:
        import python_multipart  # noqa: F401 - Starlette asks for it only with the first form

        from edgefer.web import api, pages
    except ModuleNotFoundError as exc:
        raise NotInstalled(
            "the pages need jinja2 and python-multipart: pip install 'edgefer[web]'"
        ) from exc
    return api.operations(site.config.web), pages.pages(site)


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
