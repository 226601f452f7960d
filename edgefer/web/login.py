"""Signing in and out. The page with the form is pages.py's."""

from __future__ import annotations

import logging
import re
from urllib.parse import parse_qs, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from edgefer.web.access import LASTS, SESSION
from edgefer.web.answers import Refused
from edgefer.web.limits import Rate
from edgefer.web.operations import Answer, Operation
from edgefer.web.site import Site

log = logging.getLogger(__name__)

FORM_LIMIT = 4096
"""Bytes of a form."""


class Login:
    """The two operations, and how often a wrong password may come."""

    def __init__(self) -> None:
        self._each, self._all = Rate(1 / 12, 5), Rate(0.5, 30)

    async def sign_in(self, site: Site, request: Request) -> Response:
        given = await _form(request)
        after = given.get("next", "")
        again = {"next": after} if _own_path(after) else {}
        if not site.access.own_form(request, given.get("csrf", "")):
            raise Refused(403, "this form is not from here, or too old; load the page again")
        client = request.client.host if request.client else ""
        if wait := self._each.take(client) or self._all.take(""):
            log.warning("sign-in put off: too many attempts", extra={"client": client})
            return RedirectResponse("/login?" + urlencode({"wait": wait, **again}), 303)
        if not site.access.right(given.get("password", "")):
            log.warning("sign-in refused: wrong password", extra={"client": client})
            return RedirectResponse("/login?" + urlencode({"wrong": "1", **again}), 303)
        answer = RedirectResponse(after if _own_path(after) else "/", 303)
        _set(answer, request, site.access.begin(), LASTS)
        return answer

    async def sign_out(self, site: Site, request: Request) -> Response:
        given = await _form(request)
        if not site.access.own_form(request, given.get("csrf", "")):
            raise Refused(403, "this form is not from here, or too old; load the page again")
        site.access.end(request.cookies.get(SESSION, ""))
        answer = RedirectResponse("/login", 303)
        _set(answer, request, "", 0)
        return answer

    def operations(self) -> tuple[Operation, ...]:
        form = {"application/x-www-form-urlencoded": {"type": "object"}}
        answers = {303: Answer("Where to go on."), 403: Answer("The form is not from here.")}
        return (
            Operation("POST", "/login", self.sign_in, "Begin a session", answers,
                      body=form, body_limit=FORM_LIMIT),
            Operation("POST", "/logout", self.sign_out, "End a session", answers,
                      body=form, body_limit=FORM_LIMIT),
        )  # fmt: skip


async def _form(request: Request) -> dict[str, str]:
    """The first value of each field; nothing where it is no form."""
    try:
        told = parse_qs((await request.body()).decode("ascii"), max_num_fields=8)
    except ValueError:
        return {}
    return {name: values[0] for name, values in told.items()}


def _own_path(path: str) -> bool:
    """Whether it is a page of ours: a browser takes //host and /\\host for other hosts."""
    return re.fullmatch(r"/(?![/\\])[!-~]*", path) is not None


def _set(answer: Response, request: Request, session: str, seconds: int) -> None:
    answer.set_cookie(
        SESSION,
        session,
        max_age=seconds,
        httponly=True,
        samesite="strict",
        # Browsers tell where a form comes from; TLS ends before us, if anywhere.
        secure=request.headers.get("origin", "").startswith("https://"),
    )
