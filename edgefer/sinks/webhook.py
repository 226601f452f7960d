"""Events, posted as JSON to an address of the user's.

    POST url
    Content-Type: application/json
    Authorization: Bearer TOKEN           where a token is set
    Idempotency-Key: 6f1d...              the same for every attempt at one event
    {"time": "2025-01-31T12:00:00.123+00:00", "event": "expression_changed", ...}

Any 2xx is success. No answer, 408, 429 and 5xx are tried again, with pauses that double or as
Retry-After says; any other answer, and `attempts` failures, drop the event, counted. Redirects
are not followed: they would carry the token elsewhere. Events go one after another, in order, by
a thread of this module's own: name lookup blocks, and an event loop cannot end before it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from edgefer import __version__
from edgefer.backoff import Backoff
from edgefer.credentials import read_token
from edgefer.errors import ConfigError, NotInstalled
from edgefer.health import State
from edgefer.outputs import WebhookConfig
from edgefer.sinks.outbox import Outbox
from edgefer.sinks.tls import client_context
from edgefer.sinks.topics import payload
from edgefer.sinks.webhook_url import check

try:
    import httpx
except ModuleNotFoundError as exc:
    raise NotInstalled("a webhook needs httpx: pip install 'edgefer[daemon]'") from exc

FAREWELL = 1.0
"""Seconds that `close` gives to the post in hand."""

log = logging.getLogger(__name__)


class Post(NamedTuple):
    body: bytes
    key: str


class Webhook:
    """Posts what it is told, from `start` to `close`."""

    def __init__(
        self,
        config: WebhookConfig,
        *,
        report: Callable[[State, str], object] | None = None,
        dropped: Callable[[str], None] | None = None,
    ) -> None:
        """Raises ConfigError where the URL, the token or `ca` cannot be used."""
        check(config)
        try:
            url = httpx.URL(config.url)
        except httpx.InvalidURL as exc:
            raise ConfigError(f"webhook.url cannot be read: {exc}") from exc
        headers = {"Content-Type": "application/json", "User-Agent": f"edgefer/{__version__}"}
        if config.token:
            token = read_token("webhook.token", config.token).reveal()
            headers["Authorization"] = f"Bearer {token}"
            if url.scheme == "http":
                log.info("webhook: the token goes to %s in the clear; https keeps it", url.host)
        # What is logged: a path or a query often is a secret of its own.
        self._address = f"{url.scheme}://{url.netloc.decode()}"
        self._config, self._report = config, report
        self._client = httpx.Client(
            headers=headers,
            timeout=config.timeout,
            follow_redirects=False,
            verify=client_context("webhook", config.ca) if config.ca else True,
            trust_env=False,
        )
        self._box: Outbox[Post] = Outbox(config.buffer, dropped)
        self._ending = False
        self._standing: tuple[State, str] = ("starting", "")
        self._thread = threading.Thread(target=self._run, name="webhook", daemon=True)
        self.posted = 0

    @property
    def drops(self) -> Counter[str]:
        """Events lost, by reason: overflow, refused, unanswered, closed."""
        return self._box.drops

    @property
    def waiting(self) -> int:
        """Events that wait; one more may be in hand."""
        return len(self._box)

    @property
    def standing(self) -> tuple[State, str]:
        return self._standing

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def tell(self, record: Mapping[str, Any]) -> None:
        """Leave an event; returns at once."""
        self._box.put(Post(payload(record), str(uuid.uuid4())))

    async def close(self) -> None:
        """Let the post in hand finish within FAREWELL; what waits is dropped and counted. Safe
        to call twice."""
        if not self._ending:
            self._ending = True
            self._box.close()
            if self._thread.ident is not None:
                await asyncio.to_thread(self._thread.join, FAREWELL)

    def _run(self) -> None:
        try:
            self._serve()
        except Exception as exc:  # a thread's border: a silent one would look well for ever
            log.exception("webhook: a bug in edgefer ended it")
            self._say("failed", f"{type(exc).__name__}: {exc}")

    def _serve(self) -> None:
        with self._client:
            while not self._ending:
                post = self._box.take()
                if post is None:
                    self._box.wait(lambda: bool(self._box) or self._ending, 3600)
                elif lost := self._deliver(post):
                    self._box.drop(lost)

    def _deliver(self, post: Post) -> str:
        """Post until it is taken; "", or the reason why it is lost."""
        backoff = Backoff(self._config.backoff, self._config.backoff_max)
        for attempt in range(1, self._config.attempts + 1):
            wait, fault = backoff.pause(), ""
            try:
                # The answer's body is of no interest, and may be endless.
                with self._client.stream(
                    "POST",
                    self._config.url,
                    content=post.body,
                    headers={"Idempotency-Key": post.key},
                ) as answer:
                    status, told = answer.status_code, answer.headers.get("Retry-After", "")
            except httpx.HTTPError as exc:
                fault = str(exc) or type(exc).__name__
            else:
                if 200 <= status < 300:
                    self.posted += 1
                    self._say("ok", "")
                    return ""
                fault = f"it answers {status}"
                if status not in (408, 429) and status < 500:
                    self._say("recovering", fault)
                    return "refused"
                if told.isdecimal():
                    wait = min(float(told), self._config.backoff_max)
            self._say("recovering", fault)
            if attempt < self._config.attempts and self._box.wait(lambda: self._ending, wait):
                return "closed"
        return "unanswered"

    def _say(self, state: State, fault: str) -> None:
        reason = fault and f"{self._address}: {fault}"
        if (state, reason) == self._standing:
            return  # one line for each change, not for each attempt
        self._standing = (state, reason)
        if reason:
            log.warning("webhook: %s", reason)
        else:
            log.info("webhook: %s takes events", self._address)
        if self._report is not None:
            self._report(state, reason)
