"""JSON from elsewhere, read into records: what passes, and what each wrong value is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pytest

from edgefer.records import MAX_NUMBER, WrongValue, has_controls, parse, record


@dataclass(frozen=True, slots=True)
class Inner:
    sizes: tuple[int, ...] = ()
    pair: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Outer:
    name: str
    count: int = 0
    rate: float = 0.0
    flag: bool = False
    kind: Literal["one", "two"] = "one"
    maybe: int | None = None
    inner: Inner = Inner()


def read(text: str) -> Outer:
    return record(Outer, parse(text.encode()), "it")


def test_a_record_is_read_with_its_defaults() -> None:
    assert read('{"name": "x"}') == Outer("x")
    text = '{"name": "\\u00e9", "count": 3, "rate": 2, "flag": true, "kind": "two", "maybe": null,'
    found = read(text + ' "inner": {"sizes": [1, 2], "pair": [1, 2.5]}}')
    assert found == Outer("é", 3, 2.0, True, "two", None, Inner((1, 2), (1.0, 2.5)))
    assert isinstance(found.rate, float)
    assert read(f'{{"name": "x", "count": {MAX_NUMBER}}}').count == MAX_NUMBER


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "3"),
        ("name", "null"),
        ("name", '"\\u001b[2J"'),
        ("name", '"\\ud800"'),
        ("name", '"' + "x" * 5000 + '"'),
        ("count", "true"),
        ("count", "1.0"),
        ("count", str(MAX_NUMBER + 1)),
        ("count", "-" + "9" * 400),
        ("count", "9" * 5000),
        ("rate", '"1"'),
        ("rate", "NaN"),
        ("rate", "1e999"),
        ("rate", "1" + "0" * 400),
        ("flag", "1"),
        ("kind", '"three"'),
        ("kind", "[]"),
        ("maybe", '"1"'),
        ("inner", "[]"),
        ("inner", '{"sizes": 3}'),
        ("inner", '{"sizes": "12"}'),
        ("inner", '{"sizes": [1, null]}'),
        ("inner", '{"sizes": [' + "1," * 5000 + "1]}"),
        ("inner", '{"pair": [1, 2, 3]}'),
        ("inner", '{"pairs": [1, 2]}'),
        ("other", "1"),
    ],
)
def test_a_wrong_value_is_refused_and_its_message_cannot_move_a_cursor(
    field: str, value: str
) -> None:
    text = f'{{"{field}": {value}}}' if field == "name" else f'{{"name": "x", "{field}": {value}}}'
    with pytest.raises(WrongValue) as caught:
        read(text)
    assert not has_controls(str(caught.value))
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"null", b"\xff", b'{"name": "a", "name": "b"}', b"[" * 100_000, b"{}"],
)
def test_what_is_no_table_of_the_fields_is_refused(text: bytes) -> None:
    with pytest.raises(WrongValue):
        record(Outer, parse(text), "it")


def test_the_message_names_the_field_and_what_it_takes() -> None:
    with pytest.raises(WrongValue, match=r"it\.inner\.sizes\[0\] is 'a'; it takes a whole number"):
        read('{"name": "x", "inner": {"sizes": ["a"]}}')
