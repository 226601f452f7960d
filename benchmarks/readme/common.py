"""What the README's tables share."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from benchmarks.claims import RESULTS


def result(name: str) -> dict[str, Any]:  # Any: JSON
    """The file of that name."""
    record: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return record


def wrapped(text: str, bullet: str = "") -> str:
    """In lines of 98."""
    return textwrap.fill(
        bullet + text, 98, subsequent_indent=" " * len(bullet), break_on_hyphens=False
    )
