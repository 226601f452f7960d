"""On which line of a TOML file each key stands: tomllib reads values, and keeps no places.

Only for text that tomllib has read: nothing here finds a fault in it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Keys = tuple[str | int, ...]
"""Keys from the outside in; a table of an array is a number from 0: ("camera", 1, "fps")."""

_STRING = (
    r'"""(?:[^\\]|\\.)*?"{3,5}(?!")'
    r"|'''.*?'{3,5}(?!')"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
)
_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_KEY = re.compile(r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[ \t]*\.[ \t]*)+""")
_SCALAR = re.compile(rf"(?:{_STRING})|[^\s,#\]}}][^,#\]}}\n]*", re.DOTALL)


def key_lines(text: str) -> dict[Keys, int]:
    """The line, from 1, on which each key, table and element of the text is first named.

    Empty where this reader does not find what tomllib finds: no line, rather than a wrong one.
    """
    text = text.replace("\r\n", "\n")
    try:
        lines = _Reader(text).read()
        return lines if set(lines) == set(_paths(tomllib.loads(text))) else {}
    except _Strange:
        return {}


def line_of(text: str, path: Keys) -> int | None:
    """The line of the key, else that of the table around it; None where neither is known."""
    lines = key_lines(text)
    return next((lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in lines), None)


class _Strange(Exception):
    """Something this reader does not know, such as the syntax of a later TOML."""


class _Reader:
    """Goes through the text once, statement by statement."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self._line, self._counted = 1, 0  # the line of the character `_counted`
        self._lines: dict[Keys, int] = {}
        self._arrays: dict[Keys, int] = {}  # [[tables]] seen so far

    def read(self) -> dict[Keys, int]:
        table: Keys = ()
        while self._blank() < len(self._text):
            if self._taken("[["):
                *outer, name = self._key()
                array = (*self._inside((), outer), name)
                self._note(array)
                table = (*array, self._arrays.get(array, 0))
                self._arrays[array] = self._arrays.get(array, 0) + 1
                self._note(table)
                self._expect("]]")
            elif self._taken("["):
                table = self._inside((), self._key())
                self._expect("]")
            else:
                self._pair(table)
        return self._lines

    def _inside(self, table: Keys, keys: list[str]) -> Keys:
        """The path of dotted keys, noted on the way; through [[tables]], it is the last one."""
        for key in keys:
            table += (key,)
            self._note(table)
            if table in self._arrays:
                table += (self._arrays[table] - 1,)
        return table

    def _pair(self, table: Keys) -> None:
        path = self._inside(table, self._key())
        self._expect("=")
        self._value(path)

    def _value(self, path: Keys) -> None:
        self._blank()
        if self._taken("{"):
            while not self._ends("}"):
                self._pair(path)
        elif self._taken("["):
            n = 0
            while not self._ends("]"):
                self._note((*path, n))
                self._value((*path, n))
                n += 1
        else:
            self._match(_SCALAR)

    def _ends(self, bracket: str) -> bool:
        """Pass what separates two elements; True at the end, even after a last comma."""
        self._blank()
        self._taken(",")
        self._blank()
        return self._taken(bracket)

    def _key(self) -> list[str]:
        self._blank()
        table: Any = tomllib.loads(self._match(_KEY) + " = 0")
        keys = []
        while isinstance(table, dict):
            (key, table), *_ = table.items()
            keys.append(key)
        return keys

    def _note(self, path: Keys) -> None:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        self._lines.setdefault(path, self._line)

    def _blank(self) -> int:
        """Pass spaces, ends of lines and comments; gives the place after them."""
        self._match(_BLANK)
        return self._at

    def _taken(self, mark: str) -> bool:
        found = self._text.startswith(mark, self._at)
        self._at += len(mark) * found
        return found

    def _expect(self, mark: str) -> None:
        self._blank()
        if not self._taken(mark):
            raise _Strange

    def _match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise _Strange
        self._at = found.end()
        return found[0]


def _paths(value: object, path: Keys = ()) -> Iterator[Keys]:
    """Of each key, table and element of what tomllib read."""
    if path:
        yield path
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _paths(inner, (*path, key))
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from _paths(inner, (*path, n))
