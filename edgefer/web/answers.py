"""Answers: JSON whose numbers are numbers, and refusals that say why."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final, Literal

from starlette.responses import PlainTextResponse, Response

Name = Literal[
    "not_picture", "empty", "damaged", "too_large", "too_many_pixels", "too_long",
    "no_face", "no_result", "busy", "no_models", "too_often",
]  # fmt: skip
"""Refusals that a visitor of the pages can meet: they say them in their own language."""

NAMED: Final = "Edgefer-Refused"
"""The header with the Name; the sentence itself is English."""


class Refused(Exception):
    """Raised by any handler: the answer is this code and this sentence."""

    def __init__(
        self,
        code: int,
        why: str,
        name: Name | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(why)
        named = {} if name is None else {NAMED: name}
        self.code, self.why, self.name, self.headers = code, why, name, {**named, **(headers or {})}


class Busy(Refused):
    """All places are taken for now: 503, and when to come again."""

    def __init__(self, why: str, seconds: int = 1, name: Name = "busy") -> None:
        super().__init__(503, why, name, {"Retry-After": str(seconds)})


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
