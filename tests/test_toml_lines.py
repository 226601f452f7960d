from __future__ import annotations

import random
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from edgefer.toml_lines import Keys, key_lines, line_of

DECOY = '[engine]\nthreads = 3\n[[camera]]\nname = "door"'

VALUES = [
    "1",
    "-0.5e3",
    "true",
    "1979-05-27 07:32:00Z",
    "'# no comment'",
    '"a \\" [b] = #"',
    f"'''\n{DECOY}\n'''",
    f'"""{DECOY}\\""" \\\n   ""ends with quotes"""""',
    '""""""',
    "''",
    "[]",
    "[ 1, # one ]\n\n  2,\n]",
    "{}",
]


class Writer:
    """Writes a TOML file in as many ways as there are, and notes where it put each key."""

    def __init__(self, rng: random.Random) -> None:
        self.text, self.lines = "", dict[Keys, int]()
        self._rng, self._names = rng, iter(range(10_000))

    def write(self) -> None:
        self._noise()
        self._pairs(())
        for _ in range(self._rng.randrange(6)):
            self._table()

    def _table(self) -> None:
        name, key = self._key()
        kind = self._rng.choice(["table", "tables", "dotted", "below"])
        if kind == "tables":
            for n in range(self._rng.randrange(1, 4)):
                self._note((name,), (name, n))
                self._put(f"[[ {key}]]" if n else f"[[{key} ]]")
                self._end()
                self._pairs((name, n))
                if self._rng.random() < 0.5:
                    inner, spelt = self._key()
                    self._note((name, n, inner))
                    self._put(f"[{key} . {spelt}]")
                    self._end()
                    self._pairs((name, n, inner))
            return
        keys: Keys = (name,)
        self._note(keys)
        if kind == "dotted":
            inner, spelt = self._key()
            keys, key = (name, inner), f"{key}.{spelt}"
            self._note(keys)
        self._put(f"[{key}]")
        self._end()
        self._pairs(keys)

    def _pairs(self, table: Keys) -> None:
        for _ in range(self._rng.randrange(4)):
            self._put(self._rng.choice(["", "  ", "\t"]))
            self._pair(table)
            self._end()

    def _pair(self, table: Keys, depth: int = 0) -> None:
        parts = [self._key() for _ in range(self._rng.choice([1, 1, 1, 2, 3]))]
        for n in range(len(parts)):
            self._note((*table, *(name for name, _ in parts[: n + 1])))
        self._put(self._rng.choice([".", " . "]).join(spelt for _, spelt in parts))
        self._put(self._rng.choice([" = ", "=", "\t=  "]))
        self._value((*table, *(name for name, _ in parts)), depth)

    def _value(self, keys: Keys, depth: int) -> None:
        kind = "plain" if depth > 2 else self._rng.choice(["plain", "plain", "array", "inline"])
        if kind == "plain":
            value = self._rng.choice(VALUES)
            if value.startswith("[ 1"):  # its elements are places too
                self._note((*keys, 0))
                second = (*keys, 1)
                self.lines[second] = self._line + 2
            self._put(value)
        elif kind == "inline":
            self._put("{ ")
            for n in range(self._rng.randrange(1, 4)):
                self._put(", " * (n > 0))
                self._pair(keys, depth + 1)
            self._put(" }")
        else:
            self._put("[")
            for n in range(self._rng.randrange(1, 4)):
                self._put("," * (n > 0))
                self._put(self._rng.choice(["", "\n", f" # {DECOY.splitlines()[0]},\n\n  "]))
                self._note((*keys, n))
                self._value((*keys, n), depth + 1)
            self._put(self._rng.choice(["", ",", "\n", " ,\n# ]\n"]) + "]")

    def _key(self) -> tuple[str, str]:
        """A new name, and one way to spell it."""
        name = f"k{next(self._names)}"
        other = f"{name} ]=.#\"'"
        spelt = other.replace('"', '\\"')
        return self._rng.choice(
            [
                (name, name),
                (name, f"'{name}'"),
                (name, f'"\\u006b{name[1:]}"'),
                (other, f'"{spelt}"'),
            ]
        )

    def _end(self) -> None:
        self._put(self._rng.choice(["", " ", " # [engine]"]) + "\n")
        self._noise()

    def _noise(self) -> None:
        self._put(self._rng.choice(["", "\n", "# threads = 3\n", " \t\n\n"]))

    def _note(self, *paths: Keys) -> None:
        for keys in paths:
            self.lines.setdefault(keys, self._line)

    @property
    def _line(self) -> int:
        return self.text.count("\n") + 1

    def _put(self, text: str) -> None:
        self.text += text


@given(st.integers(0, 2**32))
def test_every_key_of_a_generated_file_is_named_on_its_line(seed: int) -> None:
    writer = Writer(random.Random(seed))
    writer.write()
    assert key_lines(writer.text) == writer.lines
    assert key_lines(writer.text.replace("\n", "\r\n")) == writer.lines


def test_a_dotted_and_a_split_table_are_named_where_they_begin() -> None:
    text = "a.b.c = 1\na.b.d = 2\n[x.y]\n[x]\nz = 1\n"
    assert key_lines(text) == {
        ("a",): 1,
        ("a", "b"): 1,
        ("a", "b", "c"): 1,
        ("a", "b", "d"): 2,
        ("x",): 3,
        ("x", "y"): 3,
        ("x", "z"): 5,
    }


def test_tables_inside_tables_belong_to_the_last_one() -> None:
    text = "[[a]]\n[[a.b]]\nc = 1\n[a.b.d]\n[[a.b]]\n[[a]]\n[[a.b]]\nc = 2\n"
    lines = key_lines(text)
    assert lines["a", 0, "b", 0, "c"] == 3
    assert lines["a", 0, "b", 0, "d"] == 4
    assert lines["a", 0, "b", 1] == 5
    assert lines["a", 1, "b", 0, "c"] == 8


def test_a_key_that_is_missing_is_looked_for_in_its_table() -> None:
    text = "[engine]\nthreads = 1\n\n[[camera]]\n[[camera]]\nfps = 1\n"
    assert line_of(text, ("engine", "device")) == 1
    assert line_of(text, ("camera", 1, "name")) == 5
    assert line_of(text, ("camera", 1, "fps")) == 6
    assert line_of(text, ("detector", "size")) is None


def test_the_files_of_this_repository_have_a_line_for_every_key() -> None:
    root = Path(__file__).parents[1]
    paths = [root / "pyproject.toml", *root.glob("export/edgefer_export/**/*.toml")]
    assert len(paths) > 1
    for path in paths:
        assert key_lines(path.read_text(encoding="utf-8")), path
