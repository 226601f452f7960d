"""What the pages say, in each language; and which language a browser is answered in."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

from starlette.requests import Request

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LANGUAGES: Final = {"en": "English", "id": "Bahasa Indonesia"}
"""Code -> its own name. The first is answered where none is wanted."""

COOKIE: Final = "edgefer_language"

Texts = Mapping[str, Any]  # Any: tables of texts, and of tables


def read_texts() -> dict[str, Texts]:
    """By language; each file has the same keys."""
    folder = files("edgefer.web") / "texts"
    return {code: tomllib.loads((folder / f"{code}.toml").read_text("utf-8")) for code in LANGUAGES}


def chosen_language(request: Request) -> str | None:
    """What the address asks for by ?language=; None where it asks for none that there is."""
    asked = request.query_params.get("language", "")
    return asked if asked in LANGUAGES else None


def language_of(request: Request) -> str:
    """By the address, else by the choice before, else as the browser prefers."""
    kept = request.cookies.get(COOKIE, "")
    return (
        chosen_language(request)
        or (kept if kept in LANGUAGES else None)
        or preferred(request.headers.get("accept-language", ""))
    )


def preferred(header: str) -> str:
    """The first of LANGUAGES that an Accept-Language header weighs highest: "id-ID,id;q=0.9"."""
    best, weight = next(iter(LANGUAGES)), 0.0
    for part in header[:1000].split(","):
        name, _, rest = part.strip().partition(";")
        code = name.strip().lower().partition("-")[0]
        code = "id" if code == "in" else code  # its code until 1989, which old phones send
        given = _quality(rest)
        if code in LANGUAGES and given > weight:
            best, weight = code, given
    return best


def _quality(text: str) -> float:
    key, _, value = text.strip().partition("=")
    if key.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
