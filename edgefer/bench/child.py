"""The parent's side of a process that examines or measures one engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from edgefer.bench.gate import Examined
from edgefer.bench.others import Busy, busy_seconds, lost_percent, others_percent
from edgefer.bench.rounds import Job, Series, series_from_json, to_json
from edgefer.bench.sampling import Sampled, Sampler
from edgefer.errors import EdgeferError

ROUNDS = "edgefer.bench.rounds"

Progress = Callable[[float], None]
"""Takes the share of a round that is done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A round, and what was seen of the machine from outside while its frames were counted."""

    series: Series
    sampled: Sampled
    others_percent: float | None
    """Of the processors, for all other processes; None where the machine does not show it."""
    lost_percent: float | None = None
    """What they cost at most: see `others.lost_percent`."""


def examine(job: Job, others: tuple[str, ...]) -> Examined:
    """In a process of its own: a runtime that was loaded here would stay in this one. Raises what
    was raised there, as EdgeferError with its exit code."""
    with _Child({"do": "examine", "job": to_json(job), "others": others}, job) as child:
        return Examined.from_json(child.until("done")["result"])


def measure_round(job: Job, progress: Progress, module: str = ROUNDS) -> Watched:
    """One round, by a module that answers as `rounds` does; raises as `examine`."""
    with _Child({"do": "round", "job": to_json(job)}, job, module) as child:
        child.until("counting", progress)
        busy = busy_seconds()
        with Sampler(child.pid) as sampler:
            child.until("counted", progress)
        after, sampled = busy_seconds(), sampler.sampled
        series = series_from_json(child.until("done")["result"])
    if busy is None or after is None or sampled.cpu_percent is None:
        return Watched(series, sampled, None)
    return Watched(series, sampled, *_of_others(busy, after, sampled))


def _of_others(before: Busy, after: Busy, sampled: Sampled) -> tuple[float, float | None]:
    """What they took, and what that cost; see `Watched`."""
    assert sampled.cpu_percent is not None
    seconds, busy = sampled.seconds, after.seconds - before.seconds
    own = sampled.cpu_percent / 100 * seconds
    took = others_percent(busy, own, seconds)
    if sampled.waited_percent is None:
        return took, None
    waited = sampled.waited_percent / 100 * seconds + after.stolen - before.stolen
    return took, lost_percent(busy, own, waited, seconds)


class _Child:
    """The process, and the lines of JSON that it prints; it does not outlive its block."""

    def __init__(self, request: dict[str, Any], job: Job, module: str = ROUNDS) -> None:
        self._model = job.config.engine.model
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is the parent's to answer: it kills the child
        )
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request))
            self._process.stdin.close()
        except BrokenPipeError:
            pass  # it ended at once; what it says, or does not, is read below

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> _Child:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                # Its group: an engine's own process is below it.
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def until(self, event: str, progress: Progress = lambda _: None) -> dict[str, Any]:
        """The next line of that event. Raises what the child raised, or EdgeferError where it
        ended without a word."""
        assert self._process.stdout is not None
        for text in self._process.stdout:
            line = _parsed(text)
            match line.get("event"):
                case "error":
                    error = EdgeferError(line["error"])
                    error.exit_code = line["exit_code"]
                    raise error
                case "progress":
                    progress(line["share"])
                case found if found == event:
                    if event == "done":
                        self._process.wait()
                    return line
        code = self._process.wait()
        raise EdgeferError(
            f"the process that measured {self._model} ended with {code}; if that is -9, the "
            "machine ran out of memory"
        )


def _parsed(text: str) -> dict[str, Any]:
    """A line of ours; {} for what a library printed in between."""
    try:
        line = json.loads(text)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}
