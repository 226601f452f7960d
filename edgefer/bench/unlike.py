"""In what two results are not alike, in words: their machines, and the conditions of two rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from edgefer.bench.measurement import Measurement
from edgefer.tables import counted

Words = Callable[[Any], str]  # Any: what a record holds under that key


def _named(name: str) -> Words:
    return lambda value: f"{name} {'unknown' if value is None else value}"


def _of_a_call(batch: int) -> str:
    return f"{counted(batch, 'face')} in a call" if batch else "a frame's faces in a call"


def _searched(every: int) -> str:
    if every == 1:
        return "every frame searched for faces"
    return f"searched every {every} frames" if every else "searched as seldom as the pace asks"


HOST: dict[str, Words] = {
    "device": _named("device"),
    "cpu": _named("processor"),
    "cores": lambda n: "cores unknown" if n is None else counted(n, "core"),
}
CONDITIONS: dict[str, Words] = {
    "mode": _named("mode"),
    "paced": lambda fps: f"paced {fps:g} FPS" if fps else "as fast as it goes",
    "batch": _of_a_call,
    # A digest's beginning tells it from another.
    "clip_sha256": lambda sha256: f"clip {sha256[:12]}…" if sha256 else "no clip",
    "detector": lambda name: "no detector" if name in ("", "none") else f"detector {name}",
    "workers": lambda n: counted(n, "worker"),
    "threads": lambda n: counted(n, "thread"),
    "detect_every": _searched,
    "still": lambda share: (
        f"not searched where at most {share:g} of the picture changed"
        if share
        else "still frames searched too"
    ),
    "deadline": lambda seconds: f"deadline {seconds:g} s" if seconds else "no deadline",
    "power_mode": _named("power mode"),
}


def machines(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[str]:
    """What differs between two environments, such as "2 cores and 4 cores"."""
    return _both(HOST, ((key, first.get(key), second.get(key)) for key in HOST))


def conditions(pairs: list[tuple[Measurement, Measurement]]) -> Iterator[str]:
    """What differs in how two rows were measured; once, however many pairs differ alike."""
    found = (
        (key, x, y)
        for key in CONDITIONS
        for x, y in sorted({(getattr(a, key), getattr(b, key)) for a, b in pairs}, key=str)
    )
    return _both(CONDITIONS, found)


def _both(words: Mapping[str, Words], found: Iterator[tuple[str, Any, Any]]) -> Iterator[str]:
    return (f"{words[key](x)} and {words[key](y)}" for key, x, y in found if x != y)
