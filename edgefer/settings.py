"""Settings: a key of the configuration file, spelled once as a field of a section's record.

A field made by `setting` carries its default, its one-line documentation and its bounds; what a
file gives is checked against them here, and the command line's options, the printed file and
its JSON Schema are made from them.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any

from edgefer.addresses import without_password
from edgefer.errors import ConfigError, UnknownName


def setting(
    default: Any,  # Any: a field's default may have each field's own type
    doc: str,
    *,
    least: float | None = None,
    most: float | None = None,
    choices: tuple[str, ...] = (),
    flag: str = "",
    secret: bool = False,
) -> Any:
    """A documented field, its bounds, and its option on the command line where it has one.

    An empty string is allowed where it is the default: it means none. A `secret` is never the
    secret itself but says where it is; what a file gives for it is not quoted in errors all the
    same, since people write the secret there.
    """
    return field(
        default=default,
        metadata={
            "doc": doc,
            "least": least,
            "most": most,
            "choices": choices,
            "flag": flag,
            "secret": secret,
        },
    )


def build_section(kind: type, values: Mapping[str, Any], name: str) -> Any:
    """One section's record from its values. Raises ConfigError for the first that is wrong."""
    for _, error in faults(kind, values, name):
        raise error
    return kind(**values)


def faults(kind: type, values: Mapping[str, Any], name: str) -> Iterator[tuple[str, ConfigError]]:
    """What is wrong with a section's values: each key, and the error that says why."""
    known = {spec.name: spec for spec in dataclasses.fields(kind)}
    for key, value in values.items():
        if key not in known:
            yield key, UnknownName(f"key in [{name}]", key, known)
        elif error := _fault(f"{name}.{key}", value, known[key]):
            yield key, error


def _fault(key: str, value: object, spec: dataclasses.Field[Any]) -> ConfigError | None:
    wanted = type(spec.default)
    fits = isinstance(value, (int, float)) if wanted is float else isinstance(value, wanted)
    if not fits or (isinstance(value, bool) and wanted is not bool):
        shown = "no string" if spec.metadata["secret"] else without_password(repr(value))
        return ConfigError(f"{key} is {shown}; it takes {_NAMES[wanted]}")
    if value == "" != spec.default:
        return ConfigError(f"{key} is empty; leave it out for its default, {spec.default!r}")
    least, most, choices = (spec.metadata[k] for k in ("least", "most", "choices"))
    if least is not None and not (least <= value <= (math.inf if most is None else most)):  # type: ignore[operator]
        bounds = f"{least:g} or more" if most is None else f"{least:g} to {most:g}"
        return ConfigError(f"{key} is {value}; it takes {bounds}")
    if choices and value not in choices:
        return UnknownName(key, str(value), choices)
    return None


_NAMES = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}


def section_toml(record: Any, name: str) -> list[str]:  # Any: each section's own record
    """The lines of a section's table, each key with its documentation."""
    lines = [f"# {type(record).__doc__}", f"[{name}]"]
    for spec in dataclasses.fields(record):
        value = toml_value(getattr(record, spec.name))
        lines += [f"# {spec.metadata['doc']}", f"{spec.name} = {value}"]
    return lines


def section_schema(kind: type) -> dict[str, Any]:
    """The JSON Schema of a section's table."""
    return {
        "type": "object",
        "description": kind.__doc__,
        "additionalProperties": False,
        "properties": {spec.name: _schema(spec) for spec in dataclasses.fields(kind)},
    }


def _schema(spec: dataclasses.Field[Any]) -> dict[str, Any]:
    told = {
        "type": _SCHEMA_NAMES[type(spec.default)],
        "default": spec.default,
        "description": spec.metadata["doc"],
        "minimum": spec.metadata["least"],
        "maximum": spec.metadata["most"],
        "enum": list(spec.metadata["choices"]) or None,
        "minLength": 1 if isinstance(spec.default, str) and spec.default else None,
    }
    return {key: value for key, value in told.items() if value is not None}


_SCHEMA_NAMES = {str: "string", int: "integer", float: "number", bool: "boolean"}


def toml_value(value: object) -> str:
    """A string, a number or a truth as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # JSON's escapes are TOML's too; only DEL must be escaped in TOML alone.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
