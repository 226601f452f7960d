"""JSON lines for months: files put aside by size, a bound on their number, and a full disk that
costs lines, counted, and nothing else.

Readings are lines as in jsonl.py; other records, such as events, are lines as they are. The
newest file has the name of the setting, older ones end in .1, .2, ... up to `count`. A file that
somebody else moves or removes is begun anew.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from edgefer.data import Reading
from edgefer.errors import OutputError
from edgefer.health import State
from edgefer.outputs import JsonlConfig
from edgefer.sinks.jsonl import record
from edgefer.timing import clock

MB = 1_000_000

LOOK = 1.0
"""Seconds after which a line finds out whether the file was moved or removed."""

log = logging.getLogger(__name__)


class JsonFiles:
    """Appends; disk work is done in a thread, so that a disk that stalls holds up no event loop.

    A line that cannot be written is dropped and counted in `drops` by the reason: "disk full",
    or the system's word for it. Every next line is another attempt.
    """

    def __init__(
        self,
        config: JsonlConfig,
        *,
        report: Callable[[State, str], object] | None = None,
        dropped: Callable[[str], None] | None = None,
    ) -> None:
        """Raises OutputError where the file cannot be opened now: that is a wrong setting, not
        a disk that filled."""
        self._config, self._report, self._told = config, report, dropped
        self._path = Path(os.path.expanduser(config.path))
        self.drops: Counter[str] = Counter()
        self._turn = asyncio.Lock()
        # A put that is cancelled leaves its thread at work: `close` must not take the file away.
        self._working = threading.Lock()
        self._fd = -1
        self._size = 0
        self._synced = self._looked = clock()
        self._dirty = False
        self._fault = ""
        self._closed = False
        try:
            self._open()
        except OSError as exc:
            raise OutputError(f"cannot write {self._path}: {exc.strerror}") from exc

    async def put(self, reading: Reading) -> None:
        await self.write(record(reading))

    async def write(self, line: Mapping[str, Any]) -> None:
        """Append one record. Several tasks may; it never raises for the disk's sake."""
        text = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        async with self._turn:
            await asyncio.to_thread(self._alone, self._write, text)

    async def close(self) -> None:
        """Force what was written onto the disk, unless `fsync` is never."""
        async with self._turn:
            if not self._closed:
                self._closed = True
                await asyncio.to_thread(self._alone, self._finish)

    def _alone(self, work: Callable[..., None], *args: bytes) -> None:
        with self._working:
            work(*args)

    def _write(self, text: bytes) -> None:
        if self._closed:
            self._drop("closed")
            return
        try:
            if self._fd >= 0 and clock() - self._looked > LOOK and not self._is_ours():
                os.close(self._fd)
                self._fd = -1
            if self._fd < 0:
                self._open()
            limit = self._config.size_mb * MB
            if limit and self._size and self._size + len(text) > limit:
                self._rotate()
            self._append(text)
            self._sync_if_due()
        except OSError as exc:
            self._drop(_word(exc))
            self._say(f"{self._path}: {exc.strerror}")
        else:
            self._say("")

    def _append(self, text: bytes) -> None:
        written = 0
        try:
            while written < len(text):
                written += os.write(self._fd, text[written:])
        except OSError:
            if written:
                with suppress(OSError):  # a device cannot be cut
                    os.ftruncate(self._fd, self._size)
            raise
        self._size += written
        self._dirty = True

    def _sync_if_due(self) -> None:
        how = self._config.fsync
        if how == "always" or (
            how == "interval" and clock() - self._synced >= self._config.interval
        ):
            self._sync()

    def _sync(self) -> None:
        """Raises OSError. After a failed fsync the kernel has let the pages go: asking again
        would be answered with a lie, so the lines count as lost."""
        self._synced = clock()
        if self._dirty:
            self._dirty = False
            os.fsync(self._fd)

    def _open(self) -> None:
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        self._fd, self._size = fd, os.fstat(fd).st_size
        self._looked = clock()

    def _is_ours(self) -> bool:
        """Whether the name still leads to the open file: it may have been moved or removed."""
        self._looked = clock()
        try:
            named = self._path.stat()
        except FileNotFoundError:
            return False
        return os.path.samestat(named, os.fstat(self._fd))

    def _rotate(self) -> None:
        """Put the file aside and begin a new one. Raises OSError, and is tried again then."""
        if self._config.fsync != "never":
            self._sync()
        os.close(self._fd)
        self._fd = -1
        if self._config.count == 0:
            self._path.unlink(missing_ok=True)
        for n in range(self._config.count, 0, -1):
            older = self._aside(n - 1) if n > 1 else self._path
            if older.exists():
                older.replace(self._aside(n))
        self._open()

    def _aside(self, n: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{n}")

    def _finish(self) -> None:
        if self._fd < 0:
            return
        try:
            if self._config.fsync != "never":
                self._sync()
            os.close(self._fd)
        except OSError as exc:
            log.warning("%s: its end may be missing: %s", self._path, exc.strerror)
        self._fd = -1

    def _drop(self, reason: str) -> None:
        self.drops[reason] += 1
        if self._told is not None:
            self._told(reason)

    def _say(self, fault: str) -> None:
        if fault == self._fault:
            return  # one line for each change, not for each line that is lost
        self._fault = fault
        if fault:
            log.warning("%s; lines are dropped until it can be written again", fault)
        else:
            log.info(
                "%s: written again; %d lines were dropped so far",
                self._path,
                sum(self.drops.values()),
            )
        if self._report is not None:
            self._report("recovering" if fault else "ok", fault)


def _word(exc: OSError) -> str:
    """A reason that may be a metric's label: few, and without paths."""
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return "disk full"
    return (exc.strerror or "unknown").lower()
