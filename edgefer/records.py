"""JSON back into frozen dataclasses, with every type and size checked: for files that came from
elsewhere and are not to be trusted."""

from __future__ import annotations

import dataclasses
import json
import math
import types
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

MAX_NUMBER = 1 << 53
"""Whole numbers beyond it do not survive other programs' JSON; nothing here is as large."""
MAX_TEXT = 4096
MAX_ITEMS = 4096


class WrongValue(ValueError):
    """A value has another type or size than its field; the message names the field."""


def parse(text: bytes) -> object:
    """JSON without its extensions: no NaN, no key twice, UTF-8. Raises WrongValue."""
    try:
        return json.loads(
            text.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_once
        )
    except RecursionError as exc:
        raise WrongValue("it is nested too deeply") from exc
    except WrongValue:
        raise
    except ValueError as exc:  # UnicodeDecodeError and JSONDecodeError are two
        raise WrongValue(f"it is not JSON: {exc}") from exc


def record(kind: type[T], value: object, where: str) -> T:
    """`value`, as `parse` gives it, as a `kind`: a dataclass, its own checks included.

    A key that the dataclass does not have is refused; one that is missing stands at its
    default where there is one. Raises WrongValue, and what `kind` itself raises.
    """
    if not isinstance(value, dict):
        raise WrongValue(f"{where} is {_short(value)}; it takes a table of named fields")
    hints = _hints(kind)  # type: ignore[arg-type]  # T may be anything, a type is hashable
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for key in value:
        if key not in fields:
            raise WrongValue(f"{where} has the key {_short(key)}, which is not known here")
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING
        if name not in value and required and field.default_factory is dataclasses.MISSING:
            raise WrongValue(f"{where} has no {name}")
    return kind(**{key: _value(hints[key], item, f"{where}.{key}") for key, item in value.items()})


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


# Any: a type as `get_type_hints` gives it has no type of its own in Python 3.10.
def _value(kind: Any, value: object, where: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if dataclasses.is_dataclass(kind):
        return record(kind, value, where)  # type: ignore[arg-type]
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        (kind,) = (one for one in arguments if one is not type(None))
        return _value(kind, value, where)
    if origin is Literal:
        if not isinstance(value, str) or value not in arguments:
            raise WrongValue(f"{where} is {_short(value)}; known: {', '.join(arguments)}")
        return value
    if origin is tuple:
        return _items(arguments, value, where)
    return _plain(kind, value, where)


def _items(kinds: tuple[Any, ...], value: object, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list) or len(value) > MAX_ITEMS:
        raise WrongValue(f"{where} is {_short(value)}; it takes a list of up to {MAX_ITEMS} values")
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(value)
    if len(kinds) != len(value):
        raise WrongValue(f"{where} has {len(value)} values; it takes {len(kinds)}")
    pairs = zip(kinds, value, strict=True)
    return tuple(_value(kind, item, f"{where}[{n}]") for n, (kind, item) in enumerate(pairs))


def _plain(kind: type, value: object, where: str) -> bool | int | float | str:
    match value:
        case bool():
            if kind is bool:
                return value
        case int() if kind in (int, float):
            if abs(value) <= MAX_NUMBER:
                return kind(value)
        case float() if kind is float:
            if math.isfinite(value):
                return value
        case str() if kind is str:
            if len(value) <= MAX_TEXT and not has_controls(value):
                return value
    raise WrongValue(f"{where} is {_short(value)}; it takes {_NAMES[kind]}")


_NAMES = {
    bool: "true or false",
    int: f"a whole number of up to {MAX_NUMBER}",
    float: "a number",
    str: f"text of up to {MAX_TEXT} letters without control characters",
}


def has_controls(text: str) -> bool:
    """Whether it may change a terminal's state, or cannot be written as UTF-8 at all."""
    return any(
        letter < " " or "\x7f" <= letter <= "\x9f" or "\ud800" <= letter <= "\udfff"
        for letter in text
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise WrongValue("it has a key twice")
    return table


def _no_constant(name: str) -> float:
    raise WrongValue(f"it holds {name}, which is no JSON number")


def _short(value: object) -> str:
    """For an error message, without what a terminal must not receive."""
    text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."
