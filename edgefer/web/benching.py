"""Short benches that visitors begin.

Each runs as a process of its own (short_bench.py), one at a time, below the cameras in priority;
its result stays in memory.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from edgefer.config import Config
from edgefer.errors import ConfigError
from edgefer.timing import clock
from edgefer.web.answers import Refused

if TYPE_CHECKING:
    from edgefer.bench.report import Report

OWN = 8
"""Results of benches begun here that are kept."""

LONGEST = 600.0
"""Seconds after which a bench is given up."""

GRACE = 5.0
"""Seconds that one has to end what it began, once it is told to end."""


@dataclass(slots=True)
class Running:
    """The bench that runs."""

    name: str
    """Of the result to come."""
    since: float
    """`clock`."""
    ends: float | None = None
    """When it will probably end, `clock`; None while that cannot be told."""
    _share: float = 0.0

    def record(self) -> dict[str, Any]:
        """As it is told to visitors: its share of time, which never falls."""
        passed, left = clock() - self.since, None
        if self.ends is not None:
            left = max(1.0, self.ends - clock())  # where it should have ended it is about to
            self._share = max(self._share, passed / (passed + left))
        return {
            "name": self.name,
            "seconds": round(passed, 1),
            "share": None if left is None else round(self._share, 3),
            "left": left and round(left, 1),
        }


@dataclass(frozen=True, slots=True)
class Ended:
    """How the last one ended."""

    name: str
    how: Literal["done", "failed", "cancelled"]
    why: str = ""
    """Why it failed."""


class Bench:
    """Benches that visitors begin. For the event loop's thread."""

    def __init__(self) -> None:
        self.own: dict[str, Report] = {}
        self.running: Running | None = None
        self.ended: Ended | None = None
        self._begun = 0
        self._task: asyncio.Task[None] | None = None

    def begin(self, config: Config) -> str:
        """Begin one; the name of the result to come. Raises Refused 409 while another runs."""
        if self.running is not None:
            raise Refused(409, "a bench runs already; wait for its result")
        self._begun += 1
        self.running = Running(f"here-{self._begun}", clock())
        work = self._run(self.running, bench_command(config))
        self._task = asyncio.create_task(work, name="bench")
        return self.running.name

    async def cancel(self) -> None:
        """End the one that runs, with all its processes. Raises Refused 404 where none does."""
        if self.running is None:
            raise Refused(404, "no bench runs")
        await self.close()

    async def close(self) -> None:
        """End the one that runs, if any."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self, running: Running, command: list[str]) -> None:
        from edgefer.bench.report import Report  # most daemons never need it

        ended = Ended(running.name, "failed", "the log says why")
        try:
            with tempfile.TemporaryDirectory(prefix="edgefer-bench-") as folder:
                file = Path(folder) / "result.json"
                if why := await _process([*command, str(file)], running):
                    ended = Ended(running.name, "failed", why)
                else:
                    self.own[running.name] = await asyncio.to_thread(Report.read_json, file)
                    ended = Ended(running.name, "done")
                while len(self.own) > OWN:
                    del self.own[next(iter(self.own))]
        except asyncio.CancelledError:
            ended = Ended(running.name, "cancelled")
        except (ConfigError, OSError) as exc:
            ended = Ended(running.name, "failed", str(exc))
        finally:
            self.running, self.ended = None, ended


def bench_command(config: Config) -> list[str]:
    """A short bench of the model and the detector that are in use; the result's file is put
    behind it."""
    return [sys.executable, "-m", "edgefer.web.short_bench", config.engine.model,
            config.detector.name, config.engine.device]  # fmt: skip


async def _process(command: list[str], running: Running) -> str:
    """Run it below the cameras, and follow it; "" or why it failed."""
    with tempfile.TemporaryFile() as said:
        process = await asyncio.create_subprocess_exec(
            "nice", "-n", "10", *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=said,
            start_new_session=True,  # Ctrl-C is the daemon's to answer
        )  # fmt: skip
        try:
            error = await asyncio.wait_for(_followed(process, running), LONGEST)
        except asyncio.TimeoutError:
            return f"it took more than {LONGEST:g} s"
        finally:
            await _end(process)
        if not error and process.returncode:
            return f"its process ended with {process.returncode}: {_last_line(said)}"
        return error


async def _followed(process: asyncio.subprocess.Process, running: Running) -> str:
    """Until it ends; the error that it told, or ""."""
    error = ""
    assert process.stdout is not None
    async for text in process.stdout:
        line = _parsed(text)
        error = line.get("error", error)
        if "left" in line:
            running.ends = clock() + line["left"]
    await process.wait()
    return error


def _parsed(text: bytes) -> dict[str, Any]:
    """A line of ours; {} for what a library printed in between."""
    with suppress(ValueError):
        line = json.loads(text)
        if isinstance(line, dict):
            return line
    return {}


async def _end(process: asyncio.subprocess.Process) -> None:
    """Let it end the processes below it, which are in sessions of their own; then end it."""
    try:
        with suppress(ProcessLookupError):
            process.terminate()
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(process.wait(), GRACE)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _last_line(said: IO[bytes]) -> str:
    said.seek(max(0, said.seek(0, os.SEEK_END) - 4096))
    lines = said.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
