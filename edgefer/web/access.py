"""Who may ask: a token, or the session that a password began.

A session is a signed cookie, so that it outlives a restart of the daemon; the key comes from the
password, so that a new password ends all sessions. Signing out is remembered over reloads, and not
over a restart: a cookie that somebody copied is valid again then, until its week is over. Secrets
are compared in constant time.

Health probes bring no secret where there is none for programs: a password of the pages is for
people. Who asks them from this machine may be anybody, through a proxy that runs here, so that
their answers are made fit for all (`discreet`).
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
import time
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from typing import Literal

from starlette.requests import Request, cookie_parser
from starlette.types import Scope

from edgefer.addresses import MASK, without_password
from edgefer.credentials import Secret

SESSION, FORM = "edgefer_session", "edgefer_form"
"""Cookies: who has signed in, and whose form it is before that."""

LASTS = 7 * 86400
"""Seconds that a session lasts."""

REMEMBERED = 1000
"""Sessions that were signed out of and are kept in mind; beyond, the oldest is forgotten."""

PROBES = ("/livez", "/readyz")
"""What is answered to this machine without a secret where programs have none."""

By = Literal["token", "session", "open"]
"""What lets a request in: open is the loopback of a device, without any secret."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """One request's right."""

    by: By | None
    """None: it has none."""
    identity: str
    """What its forms are signed for: the session, or the cookie of a form; "" is neither."""


class Access:
    """All secrets of one server. For the event loop's thread."""

    def __init__(
        self,
        token: Secret | None = None,
        password: Secret | None = None,
        names: Set[str] = frozenset(),
        now: Callable[[], float] = time.time,
        left: dict[str, None] | None = None,
    ) -> None:
        """`names` are the hosts that the server may be asked as; none: any. `left` are the sessions
        that were signed out of, oldest first; it is kept up here, for an Access after this one."""
        self.names = names
        self._token = None if token is None else token.reveal().encode()
        self._words = [word.reveal().encode() for word in (password, token) if word is not None]
        self._now = now
        self._left = {} if left is None else left
        self._key = secrets.token_bytes(32)
        if self._words:
            # Slow, so that a cookie that somebody saw does not help to guess a short password.
            self._key = hashlib.scrypt(self._words[0], salt=b"edgefer", n=1 << 14, r=8, p=1)

    @property
    def password_set(self) -> bool:
        """Whether pages ask who comes. Where only a token is set, it is the password."""
        return bool(self._words)

    @property
    def wanted(self) -> str:
        """What who has no right is told."""
        if self._token is not None:
            return "a token or a session is wanted"
        return (
            "a session is wanted, for the pages have a password; programs need a token, and this "
            "server has none: set [http] token"
        )

    def open_to(self, scope: Scope) -> bool:
        """Whether this request is a health probe that needs no secret."""
        return self._token is None and scope["path"] in PROBES and _from_here(scope)

    def visitor(self, headers: Mapping[str, str]) -> Visitor:
        """What the headers of a request, names in small letters, give it the right to."""
        cookies = cookie_parser(headers.get("cookie", ""))
        session = cookies.get(SESSION, "")
        signed = bool(self._words) and self.valid(session)
        identity = session if signed else cookies.get(FORM, "")
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if (
            self._token is not None
            and scheme.lower() == "bearer"
            and hmac.compare_digest(given.strip().encode("latin-1"), self._token)
        ):
            return Visitor("token", identity)
        if signed:
            return Visitor("session", identity)
        return Visitor(None if self._words else "open", identity)

    def logged_in(self, request: Request) -> bool:
        """Whether this request came with a session."""
        visitor: Visitor = request.state.visitor
        return visitor.by == "session"

    def right(self, password: str) -> bool:
        """Whether it is the password. Every secret is compared, whichever is right."""
        given = password.encode("utf-8", "surrogatepass")
        return sum(hmac.compare_digest(given, word) for word in self._words) > 0

    def begin(self) -> str:
        """A new session: the value of its cookie."""
        told = f"{int(self._now()) + LASTS}.{secrets.token_urlsafe(16)}"
        return f"{told}.{self._sign('session', told)}"

    def end(self, session: str) -> None:
        """From now on it is not valid."""
        if self.valid(session):
            self._left[session] = None
            if len(self._left) > REMEMBERED:
                del self._left[next(iter(self._left))]

    def valid(self, session: str) -> bool:
        """Whether this cookie was given here, with this password, and still holds."""
        told, _, mac = session.rpartition(".")
        if not told or not hmac.compare_digest(mac.encode(), self._sign("session", told).encode()):
            return False
        return int(told.partition(".")[0]) > self._now() and session not in self._left

    def csrf(self, request: Request) -> str:
        """The token for the forms of this page; "" where no password is asked for."""
        visitor: Visitor = request.state.visitor
        return self._sign("form", visitor.identity) if self._words else ""

    def own_form(self, request: Request, token: str) -> bool:
        """Whether a form with this token was made for who sends it."""
        visitor: Visitor = request.state.visitor
        wanted = self._sign("form", visitor.identity)
        return bool(visitor.identity) and hmac.compare_digest(token.encode(), wanted.encode())

    def _sign(self, purpose: str, told: str) -> str:
        return hmac.new(self._key, f"{purpose} {told}".encode(), hashlib.sha256).hexdigest()


def discreet(text: str) -> str:
    """A health verdict's reason, fit for who has no right: without passwords, and without what
    follows the host of a URL, which of some cameras is their only secret."""
    return _BEHIND_HOST.sub(rf"\g<host>/{MASK}", without_password(text))


_BEHIND_HOST = re.compile(r"""(?P<host>://[^\s/?#]+)[/?#]\S*?(?=[:,;.)'"]*(?:\s|$))""")


def _from_here(scope: Scope) -> bool:
    """Whether it comes from loopback, or from the address that it is sent to."""
    client, server = scope.get("client"), scope.get("server")
    if not client:
        return False
    address = ipaddress.ip_address(client[0])
    mapped = address.ipv4_mapped if address.version == 6 else None  # where :: takes IPv4 too
    return (mapped or address).is_loopback or (server is not None and client[0] == server[0])
