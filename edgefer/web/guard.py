"""What no handler has to think of: who asks, from where, how much and how often; and the headers
of every answer.

421  a Host that this server is not called by, where it listens on loopback
403  a request that a page of another site sent
401  no right to ask; pages lead to /login
405  a body with a method that is not of its path
413  a body where none is taken, or a larger one
429  too often
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from email.utils import formatdate
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edgefer.web.access import FORM, Access, Visitor
from edgefer.web.answers import NAMED, Refused, refuse
from edgefer.web.limits import Rate
from edgefer.web.operations import Operation

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; media-src 'self' blob:; font-src 'self'; manifest-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing from other hosts, nothing written into a page."""

ALWAYS = {
    "Cache-Control": "no-store",  # what is true now is not kept
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=(), payment=(), usb=()",
    # With no-referrer, browsers would send forms with the Origin "null".
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Headers of every answer."""

PER_SECOND, BURST = 30.0, 60
"""Requests with a body that one address may send."""

OPEN = ("/login", "/static/")
"""What is seen before signing in."""

SAFE = ("GET", "HEAD", "OPTIONS")


class Guard:
    """Refuses before anything is looked at, and puts ALWAYS on every answer."""

    def __init__(self, app: ASGIApp, access: Access, operations: Sequence[Operation]) -> None:
        self._app, self._access = app, access
        self._methods: dict[str, list[str]] = {}
        for each in operations:
            self._methods.setdefault(each.path, []).append(each.method)
        self._taking = {(each.method, each.path): each for each in operations if each.body_limit}
        self._has_pages = any(each.path == "/login" for each in operations)
        self._rate = Rate(PER_SECOND, BURST)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, path = Headers(scope=scope), scope["path"]
        visitor = self._access.visitor(headers)
        cookie = ""
        if path == "/login" and self._access.password_set and not visitor.identity:
            visitor = Visitor(visitor.by, secrets.token_urlsafe(16))
            cookie = f"{FORM}={visitor.identity}; HttpOnly; SameSite=Strict; Path=/"
        state = scope.setdefault("state", {})
        state["visitor"] = visitor

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered = MutableHeaders(scope=message)
                answered.update({**ALWAYS, "Date": formatdate(usegmt=True)})
                if path.startswith("/static/"):
                    answered["Cache-Control"] = "no-cache"
                if cookie:
                    answered.append("Set-Cookie", cookie)
            await send(message)

        refusal = self._refusal(scope, headers, visitor)
        app = refusal or self._app
        operation = self._taking.get((scope["method"], path))
        if operation is not None and (refusal is None or refusal.status_code == 429):
            receive = _bounded(receive, operation.body_limit)
            if operation.seconds and "connection" in state:
                state["connection"].allow(operation.seconds)
            if refusal is not None:
                await _drained(receive)
        try:
            await app(scope, receive, guarded)
        finally:
            state.clear()  # or the connection would be held by what it holds

    def _refusal(self, scope: Scope, headers: Headers, visitor: Visitor) -> Response | None:
        host = re.sub(r":\d*$", "", headers.get("host", "")).lower()
        if self._access.names and host not in self._access.names:
            return refuse(421, "this server is not called so; ask it as localhost")
        if why := _foreign(scope, headers, visitor):
            return refuse(403, why)
        if visitor.by is None and not (
            (self._has_pages and scope["path"].startswith(OPEN)) or self._access.open_to(scope)
        ):
            return self._stranger(scope, headers)
        operation = self._taking.get((scope["method"], scope["path"]))
        length = headers.get("content-length", "0")
        if operation is None and (length != "0" or "transfer-encoding" in headers):
            methods = self._methods.get(scope["path"], [scope["method"]])
            if scope["method"] not in methods:
                return refuse(405, "it is not asked so", {"Allow": ", ".join(methods)})
            return refuse(413, "no request here has a body")
        if operation is not None:
            if int(length) > operation.body_limit:
                why = f"a body here has {operation.body_limit} bytes at most"
                return refuse(413, why, {NAMED: "too_large"})
            client = scope.get("client")
            if wait := self._rate.take(client[0] if client else ""):
                wait_for = {"Retry-After": str(wait), NAMED: "too_often"}
                return refuse(429, "too many requests", wait_for, close=False)
        return None

    def _stranger(self, scope: Scope, headers: Headers) -> Response:
        path = scope["path"]
        if (
            self._has_pages
            and scope["method"] in ("GET", "HEAD")
            and not path.startswith("/v1/")
            and "text/html" in headers.get("accept", "")
        ):
            query = scope["query_string"].decode("latin-1")
            wanted = quote(f"{path}?{query}" if query else path, safe="")
            return RedirectResponse(f"/login?next={wanted}", 303)
        return refuse(401, self._access.wanted, {"WWW-Authenticate": "Bearer"})


def _foreign(scope: Scope, headers: Mapping[str, str], visitor: Visitor) -> str:
    """Why a request is one that another site's page sent; "" where it is not. Browsers say where
    a request comes from, and programs such as curl say nothing."""
    site, origin = headers.get("sec-fetch-site", ""), headers.get("origin")
    if site in ("cross-site", "same-site") and not (
        scope["method"] == "GET"
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    ):
        return "a page of another site may not ask this"
    if scope["method"] in SAFE:
        return ""
    if origin is not None and not _same(origin, headers.get("host", "")):
        return "a page of another site may not send this"
    if visitor.by == "session" and origin is None and not site:
        return "a session is for browsers, which say where a request comes from; use a token"
    return ""


def _same(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
        default = {"http": 80, "https": 443}.get(parts.scheme)
        asked = urlsplit(f"//{host}")
        return (
            default is not None
            and bool(parts.hostname)
            and (parts.hostname, parts.port or default) == (asked.hostname, asked.port or default)
        )
    except ValueError:  # no number behind the colon
        return False


def _bounded(receive: Receive, limit: int) -> Receive:
    """For bodies that do not say how long they are."""
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise Refused(413, f"a body here has {limit} bytes at most", "too_large")
        return message

    return bounded


async def _drained(receive: Receive) -> None:
    """Let a body pass: closed over what is still being sent, the answer would never be read."""
    with suppress(Refused):
        while (await receive()).get("more_body", False):
            pass
