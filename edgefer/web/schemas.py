"""The JSON that is answered, as JSON Schema: for the OpenAPI document, and for tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
COUNT: Schema = {"type": "integer", "minimum": 0}
YES: Schema = {"type": "boolean"}
RATE: Schema = {"type": ["number", "null"], "description": "null where nothing was measured"}


def array(of: Schema, length: int | None = None) -> Schema:
    """A list, of exactly `length` items where given."""
    fixed = {} if length is None else {"minItems": length, "maxItems": length}
    return {"type": "array", "items": of, **fixed}


def table(**fields: Schema) -> Schema:
    """An object with these keys; a key that ends in _ may be missing."""
    return {
        "type": "object",
        "properties": {key.rstrip("_"): schema for key, schema in fields.items()},
        "required": [key for key in fields if not key.endswith("_")],
    }


def named(of: Schema) -> Schema:
    """An object whose keys are names of the daemon's."""
    return {"type": "object", "additionalProperties": of}


VERDICT = table(good=YES, reasons=array(TEXT), notes=array(TEXT))
STATE: Schema = {"enum": ["starting", "ok", "recovering", "failed"]}
STATUS: Schema = {"type": "object"}
