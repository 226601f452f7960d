"""Answers: JSON whose numbers are numbers, and refusals that say why."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from starlette.responses import PlainTextResponse, Response


class Refused(Exception):
    """Raised by any handler: the answer is this code and this sentence."""

    def __init__(self, code: int, why: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(why)
        self.code, self.why, self.headers = code, why, dict(headers or {})


class Busy(Refused):
    """All places are taken for now: 503, and when to come again."""

    def __init__(self, why: str, seconds: int = 1) -> None:
        super().__init__(503, why, {"Retry-After": str(seconds)})


def refuse(
    code: int, why: str, headers: Mapping[str, str] | None = None, *, close: bool = True
) -> Response:
    """A sentence; the connection is closed, so that nobody reads a body to its end."""
    closing = {"Connection": "close"} if close else {}
    return PlainTextResponse(why + "\n", code, {**closing, **(headers or {})})


def json_answer(value: object, code: int = 200) -> Response:
    """`value` as JSON; what JSON has no number for, as the rate of nothing, is null."""
    return Response(json.dumps(finite(value)) + "\n", code, media_type="application/json")


def finite(value: object) -> Any:  # Any: what JSON can hold
    """`value` with None for each number that is none."""
    match value:
        case float() if not math.isfinite(value):
            return None
        case Mapping():
            return {key: finite(each) for key, each in value.items()}
        case list() | tuple():
            return [finite(each) for each in value]
    return value
