"""Short benches that visitors begin.

Each runs as a process of its own, one at a time, below the cameras in priority; its result stays
in memory.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from edgefer.config import Config
from edgefer.errors import ConfigError
from edgefer.timing import clock
from edgefer.web.answers import Refused

if TYPE_CHECKING:
    from edgefer.bench.report import Report

OWN = 8
"""Results of benches begun here that are kept."""

SHORT = ("--rounds", "3", "--frames", "200", "--warmup", "50")
"""About half a minute on a small device."""

LONGEST = 600.0
"""Seconds after which a bench is given up."""


class Bench:
    """Benches that visitors begin."""

    def __init__(self, command: Callable[[Config], list[str]] | None = None) -> None:
        """`command` gives what is run; --json FILE is put behind it."""
        self._command = command or bench_command
        self.own: dict[str, Report] = {}
        self.since: float | None = None
        """When the one that runs began, `clock`."""
        self.failed = ""
        """Why the last one gave no result."""
        self._begun = 0
        self._task: asyncio.Task[None] | None = None

    def begin(self, config: Config) -> str:
        """Begin one; the name of the result to come. Raises Refused 409 while another runs."""
        if self.since is not None:
            raise Refused(409, "a bench runs already; wait for its result")
        self._begun += 1
        self.since, self.failed = clock(), ""
        name = f"here-{self._begun}"
        self._task = asyncio.create_task(self._run(name, self._command(config)), name="bench")
        return name

    async def close(self) -> None:
        """End the one that runs."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self, name: str, command: list[str]) -> None:
        from edgefer.bench.report import Report  # most daemons never need it

        try:
            with tempfile.TemporaryDirectory(prefix="edgefer-bench-") as folder:
                file = Path(folder) / "result.json"
                self.failed = await _process([*command, "--json", str(file)])
                if not self.failed:
                    self.own[name] = await asyncio.to_thread(Report.read_json, file)
                    while len(self.own) > OWN:
                        del self.own[next(iter(self.own))]
        except (ConfigError, OSError) as exc:
            self.failed = str(exc)
        finally:
            self.since = None


def bench_command(config: Config) -> list[str]:
    """A short bench of the model and the detector that are in use."""
    return [sys.executable, "-m", "edgefer", "bench", *SHORT, "--engine", config.engine.model,
            "--detector", config.detector.name, "--device", config.engine.device]  # fmt: skip


async def _process(command: list[str]) -> str:
    """Run it below the cameras; "" or why it failed."""
    process = await asyncio.create_subprocess_exec(
        "nice", "-n", "10", *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # it has children, which must end with it
    )  # fmt: skip
    try:
        _, told = await asyncio.wait_for(process.communicate(), LONGEST)
    except asyncio.TimeoutError:
        return f"the bench took more than {LONGEST:g} s"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    lines = told.decode(errors="replace").splitlines() or ["it said nothing"]
    return lines[-1] if process.returncode else ""
