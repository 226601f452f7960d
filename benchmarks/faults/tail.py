"""Lines as they come, at the end of a file that somebody else writes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from edgefer.timing import clock


class Seen(NamedTuple):
    """A line, and when it was there to be read."""

    at: float
    line: dict[str, Any]  # Any: JSON

    @property
    def message(self) -> str:
        text: str = self.line["message"]
        return text


class Tail:
    """The complete lines of a file that grows: JSON, or what others print between it."""

    def __init__(self, path: Path, seen: list[Seen]) -> None:
        self._path, self._seen = path, seen
        self._offset = 0
        """Where the first incomplete line begins: on a full disk it is taken back."""

    def look(self) -> None:
        """Add what has come since the last look to `seen`."""
        try:
            fd = os.open(self._path, os.O_RDONLY)
        except OSError:
            return
        try:
            while (read := os.pread(fd, 1 << 20, self._offset)) and (end := read.rfind(b"\n") + 1):
                self._offset += end
                now = clock()
                self._seen += [Seen(now, _record(one)) for one in read[: end - 1].split(b"\n")]
        finally:
            os.close(fd)


def _record(line: bytes) -> dict[str, Any]:  # Any: JSON
    if not line.startswith(b"{"):
        return {"message": line.decode(errors="replace")}
    record: dict[str, Any] = json.loads(line)
    return record
