"""How soon a started daemon gives its first reading, and what it holds in memory after a while.

    python -m benchmarks.start [--rounds 7] [--seconds 10]

`edgefer daemon` with readings as JSON lines: from the start of its process to the first line that
is there to be read. demo:// is drawn in the daemon's own process; demo://?fps=30 stands for a
camera, whose pictures a process of its own takes. Memory is that of the daemon's process, all of
it resident; and with its child, what both share counted once (PSS).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.claims import Claim, in_turns, report
from benchmarks.processes import PROC, descendants, family
from edgefer.timing import clock

LOOK = 0.002
"""Seconds between two looks: how exact a time is."""
LIMIT = 60.0
"""Seconds after which a reading that has not come is an error."""
OWN, CAMERA = "demo://", "demo://?fps=30"


class Started:
    """A daemon of this source; for a `with`."""

    def __init__(self, url: str, folder: Path) -> None:
        self._lines, self._log = folder / "lines.jsonl", folder / "log"
        config = folder / "edgefer.toml"
        config.write_text(
            f'[source]\nurl = "{url}"\n[jsonl]\npath = "{self._lines}"\ncontent = "readings"\n'
            "[http]\nport = 0\n"
        )
        config.chmod(0o600)
        with self._log.open("wb") as log:
            self.began = clock()
            self.process = subprocess.Popen(
                [sys.executable, "-m", "edgefer", "daemon", "--config", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={key: value for key, value in os.environ.items() if key != "NOTIFY_SOCKET"},
            )

    def first_reading(self) -> float:
        """Seconds from the start. Raises RuntimeError where none comes."""
        while not (self._lines.exists() and b"\n" in self._lines.read_bytes()):
            if self.process.poll() is not None or clock() - self.began > LIMIT:
                raise RuntimeError(f"no reading; the daemon says: {self._log.read_text()}")
            time.sleep(LOOK)
        return clock() - self.began

    def __enter__(self) -> Started:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()


def seconds_to_first_reading(url: str) -> float:
    with tempfile.TemporaryDirectory() as folder, Started(url, Path(folder)) as daemon:
        return daemon.first_reading()


def megabytes(url: str, seconds: float) -> tuple[float, float]:
    """Resident in the daemon's own process, and shared once in all of them, after that time."""
    with tempfile.TemporaryDirectory() as folder, Started(url, Path(folder)) as daemon:
        daemon.first_reading()
        time.sleep(seconds)
        pid = daemon.process.pid
        pss = sum(_pss_kb(one) for one in (pid, *descendants(pid)))
        return family(pid).own.rss_kb * 1024 / 1e6, pss * 1024 / 1e6


def _pss_kb(pid: int) -> int:
    for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise RuntimeError(f"the kernel tells no Pss of process {pid}")


def main(rounds: int = 7, seconds: float = 10.0) -> None:
    cases: dict[str, Callable[[], float]] = {
        url: partial(seconds_to_first_reading, url) for url in (OWN, CAMERA)
    }
    found = in_turns(cases, rounds)
    own, camera = megabytes(OWN, seconds), megabytes(CAMERA, seconds)
    how = f"{rounds} starts in turns, one of each before discarded; the files are in memory by then"
    held = f"{seconds:g} s after the first reading"
    report(
        "start",
        Claim("the daemon's start to its first reading, demo://", "<= 1.0", "s", found[OWN], how),
        Claim("the same with a camera's process", "<= 1.0", "s", found[CAMERA], how),
        Claim("the daemon's memory, RSS, demo://", "<= 200", "MB", (own[0],), held),
        Claim("the same with a camera's process, RSS", "<= 200", "MB", (camera[0],), held),
        Claim("and both processes, shared pages once (PSS)", "<= 200", "MB", (camera[1],), held),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=10.0)
    main(**vars(parser.parse_args()))
