"""Readings as JSON lines.

    {"sequence": 12, "age_ms": 9.1, "size": [640, 480], "look": "detect", "follow" or "still",
     "ms": {"capture": 0.5, "detection": 3.9, "classification": 2.6},
     "faces": [{"track": 3, "box": [x1, y1, x2, y2], "score": 0.93,
                "landmarks": [[x, y], ...] or null,
                "expression": "happy", "probability": 0.91, "probs": {"angry": 0.01, ...},
                "steady": {"expression": "happy", "probability": 0.88} or null}]}

A track is a number that a face keeps from frame to frame. `expression` is this frame's own,
`steady` its track's: smoothed over time, and another only once it led for a while. Boxes and
landmarks are pixels of the full frame. A line is written whole or not at all. JsonLines serves a
run, and ends it where a line cannot be written; the daemon's JsonFiles (jsonl_files.py) goes on
and counts.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import stat
import sys
from contextlib import suppress
from itertools import repeat
from pathlib import Path
from typing import Any

from edgefer.data import Expression, Face, Reading, Tracked
from edgefer.errors import OutputError


class JsonLines:
    """Appends to a file, or writes to standard output for "-"."""

    def __init__(self, target: str) -> None:
        """Raises OutputError where the file cannot be opened."""
        self._target = target
        self._own = target != "-"
        try:
            self._fd = (
                os.open(Path(target), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
                if self._own
                else sys.stdout.fileno()
            )
        except OSError as exc:
            raise OutputError(f"cannot write {target}: {exc.strerror}") from exc
        kind = os.fstat(self._fd).st_mode
        self._may_block = stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind) or os.isatty(self._fd)
        self._closed = False

    async def put(self, reading: Reading) -> None:
        line = json.dumps(record(reading), separators=(",", ":")).encode() + b"\n"
        written = 0
        try:
            while written < len(line):
                if self._may_block:
                    await self._room()
                written += os.write(self._fd, line[written : written + select.PIPE_BUF])
        except BrokenPipeError:
            raise  # the reader has seen enough: no fault of the output
        except OSError as exc:
            self._take_back(written)
            raise OutputError(f"cannot write {self._target}: {exc.strerror}") from exc

    async def _room(self) -> None:
        """Wait until PIPE_BUF bytes can be written at once, without holding up the event loop
        where nobody reads."""
        if select.select([], [self._fd], [], 0)[1]:
            return
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        loop.add_writer(self._fd, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_writer(self._fd)

    def _take_back(self, written: int) -> None:
        """Cut off the part of a line that a full disk let through."""
        if self._own and written:
            with suppress(OSError):  # a pipe or a device cannot be cut
                os.ftruncate(self._fd, os.fstat(self._fd).st_size - written)

    async def close(self) -> None:
        if self._own and not self._closed:
            self._closed = True
            os.close(self._fd)


def record(reading: Reading) -> dict[str, Any]:
    """What one line says, as in the module's example."""
    times = reading.times
    return {
        "sequence": reading.sequence,
        "age_ms": round(reading.age * 1000, 3),
        "size": list(reading.size),
        "look": reading.look,
        "ms": {
            "capture": round(times.capture * 1000, 3),
            "detection": round(times.detection * 1000, 3),
            "classification": round(times.classification * 1000, 3),
        },
        "faces": [
            _face(face, expression, tracked)
            for face, expression, tracked in zip(
                reading.faces, reading.expressions, reading.tracked or repeat(None), strict=False
            )
        ],
    }


def _face(face: Face, expression: Expression, tracked: Tracked | None) -> dict[str, Any]:
    box = face.box
    return {
        "track": tracked and tracked.track,
        "box": [round(v, 1) for v in (box.x1, box.y1, box.x2, box.y2)],
        "score": round(face.score, 4),
        "landmarks": face.landmarks and [[round(x, 1), round(y, 1)] for x, y in face.landmarks],
        "expression": expression.label,
        "probability": round(expression.probability, 4),
        "probs": {
            label: round(p, 4) for label, p in zip(expression.labels, expression.probs, strict=True)
        },
        "steady": tracked
        and {"expression": tracked.label, "probability": round(tracked.probability, 4)},
    }
