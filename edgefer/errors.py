"""Every error that edgefer raises on purpose, drawn as a tree.

    EdgeferError              exit code 1
    ├── ConfigError                 2   a setting, a name or a URL that cannot be meant
    │   └── UnknownName             2   not one of the known names
    ├── NotInstalled                8   known, but a package or a file is missing
    ├── SourceError                 4   no frame can be had
    │   └── SourceLost              4   a source that worked has stopped
    │       └── TruncatedVideo      4   a file is shorter than it says (sources/video.py)
    ├── ModelError                  5   a model file that cannot be used
    │   ├── SpecError               5   its description is missing, or contradicts it
    │   ├── PlanMismatch            5   a plan for another device (manifest/compare.py)
    │   └── BuildError              5   no plan can be built of it (engines/trt_flags.py)
    ├── InferenceError              6   a model that loaded, but answers nonsense
    │   └── EngineLost              6   what ran the model died, hangs, or lost its device
    └── OutputError                 7   a result that cannot be written

3 is no error's: `edgefer bench --strict` measured, and a row is unstable (cli/bench.py).

A message says what is wrong, why, and what to do about it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class EdgeferError(Exception):
    """The root. `exit_code` is what the command line ends with."""

    exit_code = 1


class ConfigError(EdgeferError):
    """A setting, a name or a URL that cannot be meant."""

    exit_code = 2


class UnknownName(ConfigError):
    """A name that is not among the known ones; the nearest is offered."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind, self.name, self.known = kind, name, tuple(known)
        self.nearest = next(iter(difflib.get_close_matches(name, self.known, n=1)), None)
        hint = f" Did you mean {self.nearest!r}?" if self.nearest else ""
        super().__init__(f"unknown {kind} {name!r}.{hint} Known: {', '.join(self.known)}")


class NotInstalled(EdgeferError):
    """Something known is not here yet; the message names the command that brings it."""

    exit_code = 8


class SourceError(EdgeferError):
    """No frame can be had from this source."""

    exit_code = 4


class SourceLost(SourceError):
    """A source that gave frames has stopped giving them."""


class ModelError(EdgeferError):
    """A model file that cannot be used."""

    exit_code = 5


class SpecError(ModelError):
    """A model's description is missing, incomplete, or contradicts the model."""


class InferenceError(EdgeferError):
    """A model that loaded answers with something that is no answer."""

    exit_code = 6


class EngineLost(InferenceError):
    """What ran the model died, hangs, or lost its device, and the batch with it."""


class OutputError(EdgeferError):
    """A result cannot be written where it was asked for."""

    exit_code = 7
