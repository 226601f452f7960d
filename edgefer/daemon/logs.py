"""What the daemon says on stderr: one record, one line, whatever the record holds.

    text  2026-11-23T09:00:00.123 INFO daemon.camera "live, 640x480" camera=door
    json  {"time": "2026-11-23T08:00:00.123+00:00", "level": "INFO", "logger":
          "edgefer.daemon.camera", "message": "live, 640x480", "camera": "door"}

Keys behind the message come from logging's `extra=`. An exception is "traceback", its newlines
escaped; on a terminal, indented lines. Lines to systemd's journal begin with their priority,
<6> for INFO, which it takes off (SyslogLevelPrefix=). Passwords in URLs are blotted out.

Other libraries are heard from WARNING on: httpx would tell each address that is posted to.
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timezone
from numbers import Integral, Real
from typing import Any

from edgefer.addresses import without_password
from edgefer.timing import clock as real_clock

ALIKE, OF_ONE_LOGGER, MINUTE = 20, 100, 60.0
"""Records of one logger with one template, and of one logger at all, told in so many seconds: the
worst bug writes some 50 MB a day."""

LINE = 48_000
"""Bytes of a line; journald breaks longer ones in two (LineMax=48K in journald.conf)."""

MESSAGE, TRACEBACK, NESTED = 4000, 8000, 4
"""Characters of a message and of a traceback's end; levels of an extra that are kept apart."""

PRIORITIES = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}

_OWN = {"time", "level", "logger", "message", "traceback", "clipped"}
_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def set_up(style: str, level: int = logging.INFO, fd: int = 2) -> None:
    """From now on records go to `fd` as "json" or "text"; "auto" is text on a terminal, and json
    elsewhere: in the journal, a container's log, a file. What logged to stderr before does no
    more."""
    journal, terminal = _is_journal(fd), os.isatty(fd)
    if style == "auto":
        style = "text" if terminal else "json"
    root = logging.getLogger()
    for old in root.handlers[:]:
        if type(old) in (logging.StreamHandler, Lines):
            root.removeHandler(old)
            old.close()
    root.addHandler(Lines(fd, style, terminal=terminal, journal=journal))
    root.setLevel(max(level, logging.WARNING))
    logging.getLogger("edgefer").setLevel(level)


def _is_journal(fd: int) -> bool:
    """Whether what systemd connected to the journal is still there: children inherit the
    variable, not always the stream (systemd.exec(5), $JOURNAL_STREAM)."""
    try:
        status = os.fstat(fd)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class Lines(logging.Handler):
    """Writes records to a file descriptor. A record that cannot be formatted becomes one that
    says so; a line that cannot be written is lost, as there is nowhere left to say it."""

    def __init__(
        self,
        fd: int,
        style: str,
        *,
        terminal: bool = False,
        journal: bool = False,
        clock: Callable[[], float] = real_clock,
    ) -> None:
        super().__init__()
        self._fd, self._json, self._terminal, self._journal = fd, style == "json", terminal, journal
        self._flood = Flood(clock)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            for told in self._flood.admit(record):
                self._write(told)
        except Exception as exc:  # noqa: BLE001 - a log call must not end who made it
            where = f"{record.pathname}:{record.lineno}"
            template = "a record of %s cannot be formatted: %s"
            fault = _record(record.name, logging.ERROR, template, where, type(exc).__name__)
            for told in self._flood.admit(fault):
                self._write(told)

    def close(self) -> None:
        """Tell what was suppressed so far."""
        self.acquire()
        for told in self._flood.summaries():
            self._write(told)
        self.release()
        super().close()

    def _write(self, record: logging.LogRecord) -> None:
        line = as_json(record) if self._json else as_text(record, self._terminal)
        if self._journal:
            line = f"<{PRIORITIES.get(record.levelname, 6)}>{line}"
        data = f"{line}\n".encode()
        with suppress(OSError):
            while data:
                data = data[os.write(self._fd, data) :]


class Flood:
    """Bounds what a bug can write: of a flood its beginning is told, and how much more came."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = clock()
        self._alike: Counter[tuple[str, str]] = Counter()
        self._loggers: Counter[str] = Counter()
        self._more: Counter[tuple[str, str, int]] = Counter()

    def admit(self, record: logging.LogRecord) -> Iterator[logging.LogRecord]:
        """The record, or nothing; before it, once a minute is over, what was left out in it."""
        now = self._clock()
        if now - self._began >= MINUTE:
            yield from self.summaries()
            self._began = now
            self._alike.clear()
            self._loggers.clear()
        name, template = record.name, str(record.msg)[:MESSAGE]
        if self._alike[name, template] >= ALIKE:
            self._more[name, template, record.levelno] += 1
        elif self._loggers[name] >= OF_ONE_LOGGER:
            # Templates of its own for each record would make a table without end.
            self._more[name, "", record.levelno] += 1
        else:
            self._alike[name, template] += 1
            self._loggers[name] += 1
            yield record

    def summaries(self) -> list[logging.LogRecord]:
        """What was left out since they were asked for last."""
        more, self._more = self._more, Counter()
        return [
            _record(name, level, "%s ... %d more within a minute", template or "others", count)
            for (name, template, level), count in more.items()
        ]


def as_json(record: logging.LogRecord) -> str:
    """One JSON object on one line; extras that bear a name of ours get a "_" behind it."""
    time = datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")
    head = {"time": time, "level": record.levelname, "logger": record.name}
    message, traceback = _message(record), _traceback(record)
    told: dict[str, Any] = {**head, "message": message}
    told |= {f"{key}_" if key in _OWN else key: value for key, value in _extras(record)}
    line = _dumps(told | ({"traceback": traceback} if traceback else {}))
    if len(line.encode()) > LINE:
        told = {**head, "message": message[: MESSAGE // 4], "clipped": True}
        line = _dumps(told | ({"traceback": traceback[-TRACEBACK // 2 :]} if traceback else {}))
    return line


def as_text(record: logging.LogRecord, terminal: bool = False) -> str:
    """Time of day here, level, logger without "edgefer.", message, key=value as in logfmt."""
    time = datetime.fromtimestamp(record.created, timezone.utc).astimezone().replace(tzinfo=None)
    words = [time.isoformat(timespec="milliseconds"), record.levelname]
    words += [record.name.removeprefix("edgefer."), _dumps(_message(record))]
    words += [f"{key}={_word(value)}" for key, value in _extras(record)]
    traceback = _traceback(record)
    if traceback and not terminal:
        words.append(f"traceback={_dumps(traceback)}")
    line = _escaped(" ".join(words))
    if len(line) > LINE // 4:
        line = line[: LINE // 4 - 4] + " ..."
    if traceback and terminal:
        line += "".join(f"\n    {_escaped(part)}" for part in traceback.split("\n"))
    return line


def _message(record: logging.LogRecord) -> str:
    return without_password(record.getMessage())[:MESSAGE]


def _traceback(record: logging.LogRecord) -> str:
    text = _PYTHONS.formatException(record.exc_info) if record.exc_info else ""
    text += ("\n" if text else "") + record.stack_info if record.stack_info else ""
    return without_password(text)[-TRACEBACK:]


def _extras(record: logging.LogRecord) -> list[tuple[str, Any]]:
    return [(key, _plain(value)) for key, value in vars(record).items() if key not in _STANDARD]


def _plain(value: object, depth: int = 0) -> Any:  # Any: what JSON can hold
    match value:
        case None | bool():
            return value
        case Integral():
            return int(value)
        case Real() if math.isfinite(value):
            return float(value)
        case Mapping() if depth < NESTED:
            return {_plain(str(key)): _plain(each, depth + 1) for key, each in value.items()}
        case list() | tuple() | set() | frozenset() if depth < NESTED:
            return [_plain(each, depth + 1) for each in value]
        case _:
            return without_password(str(value))


def _word(value: object) -> str:
    text = value if isinstance(value, str) else _dumps(value)
    return text if re.fullmatch(r'[^\s"=\\]+', text) else _dumps(text)


def _dumps(value: object) -> str:
    return _escaped(json.dumps(value, ensure_ascii=False, allow_nan=False))


def _escaped(text: str) -> str:
    """What would end a line, or change a terminal's state, as JSON writes it."""
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _record(name: str, level: int, template: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord(name, level, __file__, 0, template, args, None)


_PYTHONS = logging.Formatter()
