"""Times that the faults' configurations shorten, so that the matrix takes minutes."""

from __future__ import annotations

from edgefer.config import Config

SHORTENED: dict[str, dict[str, float]] = {
    "source": {"timeout": 2.0, "stale": 1.0, "backoff": 0.1, "backoff_max": 0.5},
    "engine": {"timeout": 1.0},
    "mqtt": {"timeout": 1.0, "backoff": 0.1, "backoff_max": 0.5},
    "webhook": {"timeout": 1.0, "backoff": 0.1, "backoff_max": 0.5},
    "daemon": {"patience": 2.0},
}


def section(name: str, *more: str) -> str:
    """The section's head and its shortened times, as lines of TOML, with `more`."""
    times = [f"{key} = {value}" for key, value in SHORTENED[name].items()]
    return "\n".join([f"[{name}]", *times, *more, ""])


def told() -> str:
    """In words, each with its default."""
    times = [
        f"{name}.{key} {value:g} s ({getattr(getattr(Config(), name), key):g})"
        for name, keys in SHORTENED.items()
        for key, value in keys.items()
    ]
    return ", ".join(times)
