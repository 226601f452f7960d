"""Whether the daemon leaks: 1,000 reconnects of a camera, and 50 minutes at full rate.

    python -m benchmarks.soak [--minutes 50] [--reconnects 1000] [--log FOLDER]

A real daemon with all sinks on: JSON lines that are put aside each 2 MB, a real Mosquitto, a
webhook, and /metrics fetched every second. Once a second its memory, file descriptors and threads
are read from /proc, its children's apart; slopes.py lays a line through the second half of them.
With --log samples are kept as they come, and a part that is complete there is not run again.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import httpx

from benchmarks.claims import RESULTS
from benchmarks.processes import family
from benchmarks.receivers import Ear, Hook
from benchmarks.slopes import Line, line, table
from edgefer.bench.provenance import command_line, environment
from edgefer.files import replacing
from edgefer.timing import clock

DYING = "test://?live=1&fps=100&width=160&height=120&die_at=10"
CROWD = "demo://?fps=1000&seed=3"
SINKS = """
[jsonl]
path = "{}/lines.jsonl"
content = "both"
size_mb = 2
count = 2
[mqtt]
host = "127.0.0.1"
port = {}
name = "soak"
interval = 0.02
discovery = "homeassistant"
[webhook]
url = "http://127.0.0.1:{}/"
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """One second of the daemon."""

    at: float
    """Seconds since the part began."""
    frames: int
    reconnects: int
    rss_kb: int
    fds: int
    threads: int
    children: int
    children_rss_kb: int
    zombies: int


class Soaked:
    """A daemon with every sink, and what its sinks' other ends received. For one `with`."""

    def __init__(self, folder: Path, source: str) -> None:
        # Drivers of the tests: a plain install has no pytest, and `--help` needs none.
        from tests.brokers import Broker
        from tests.daemons import Daemon

        with ExitStack() as stack:
            broker = stack.enter_context(Broker(folder, "allow_anonymous true"))
            self.ear = stack.enter_context(Ear(broker.port))
            self.hook = stack.enter_context(Hook())
            self.daemon = Daemon(folder, source + SINKS.format(folder, broker.port, self.hook.port))
            stack.callback(self.daemon.end)
            address = f"http://127.0.0.1:{self.daemon.port}"
            self._client = stack.enter_context(httpx.Client(base_url=address, timeout=30))
            self.daemon.wait_ready()
            self._stack = stack.pop_all()
        self._began = clock()

    def sample(self) -> Sample:
        told: dict[str, Any] = self._client.get("/v1/status").raise_for_status().json()
        camera = told["cameras"]["camera"]
        page = self._client.get("/metrics").raise_for_status().text
        now = family(self.daemon.process.pid)
        return Sample(
            round(clock() - self._began, 3),
            camera["frames"],
            _counter(page, "edgefer_reconnects_total"),
            now.own.rss_kb,
            now.own.fds,
            now.own.threads,
            now.count,
            now.children.rss_kb,
            now.zombies,
        )

    def __enter__(self) -> Soaked:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def _counter(page: str, name: str) -> int:
    return sum(int(float(row.split()[-1])) for row in page.splitlines() if row.startswith(name))


Keep = Callable[[Sample], None]


def reconnecting(folder: Path, wanted: int, keep: Keep, every: float = 1.0) -> dict[str, int]:
    """A camera that dies every tenth frame, until it came back so often."""
    source = f'[source]\nurl = "{DYING}"\nbackoff = 0.01\nbackoff_max = 0.05\n'
    with Soaked(folder, source) as soaked:
        return _until(soaked, lambda sample: sample.reconnects >= wanted, keep, every)


def full_rate(folder: Path, seconds: float, keep: Keep, every: float = 1.0) -> dict[str, int]:
    """People who come and go, as fast as this machine carries frames."""
    with Soaked(folder, f'[source]\nurl = "{CROWD}"\n') as soaked:
        return _until(soaked, lambda sample: sample.at >= seconds, keep, every)


def _until(
    soaked: Soaked, done: Callable[[Sample], bool], keep: Keep, every: float
) -> dict[str, int]:
    pause = threading.Event()
    while True:
        due = clock() + every
        sample = soaked.sample()
        keep(sample)
        if done(sample):
            break
        pause.wait(max(0.0, due - clock()))
    took = soaked.daemon.stop()
    assert soaked.daemon.process.returncode == 0, soaked.daemon.text()[-2000:]
    heard = {"mqtt_messages": soaked.ear.count, "posts": soaked.hook.count}
    return heard | {"stop_ms": round(took * 1000)}


FIGURES = {"rss_kb": 500.0, "fds": 0.5, "threads": 0.5}
"""What is watched, and how much more of it in an hour or in 1,000 reconnects does not matter:
500 kB an hour would take three weeks to fill 256 MB."""


def lines_of(part: str, samples: Sequence[Sample]) -> list[Line]:
    """Each figure against what would make it grow."""
    if part == "reconnects":
        unit, figures = "1,000 reconnects", FIGURES
        x = [sample.reconnects / 1000 for sample in samples]
    else:  # its one child lives as long as the daemon
        unit, figures = "hour", FIGURES | {"children_rss_kb": FIGURES["rss_kb"]}
        x = [sample.at / 3600 for sample in samples]
    return [
        line(x, [getattr(sample, figure) for sample in samples], figure, unit, negligible)
        for figure, negligible in figures.items()
    ]


def logged(
    path: Path, run: Callable[[Keep], dict[str, int]]
) -> tuple[list[Sample], dict[str, int]]:
    """The samples of a part: from its log where that is complete, else by running it."""
    if path.exists():
        *rows, last = [json.loads(row) for row in path.read_text().splitlines()] or [{}]
        if "end" in last:
            return [Sample(**row) for row in rows], last["end"]
    samples: list[Sample] = []
    with path.open("w") as file:

        def keep(sample: Sample) -> None:
            samples.append(sample)
            print(json.dumps(asdict(sample)), file=file, flush=True)

        end = run(keep)
        print(json.dumps({"end": end}), file=file)
    return samples, end


def main(minutes: float = 50.0, reconnects: int = 1000, log: Path | None = None) -> int:
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        log = log or work
        log.mkdir(exist_ok=True)
        runs: dict[str, Callable[[Keep], dict[str, int]]] = {
            "reconnects": lambda keep: reconnecting(_folder(work, "a"), reconnects, keep),
            "full rate": lambda keep: full_rate(_folder(work, "b"), minutes * 60, keep),
        }
        parts = {}
        for part, run in runs.items():
            samples, end = logged(log / f"{part.replace(' ', '-')}.jsonl", run)
            lines = lines_of(part, samples)
            parts[part] = _told(samples, lines) | end
            print(f"{part}: {parts[part]['frames']:,} frames, {samples[-1].reconnects:,} "
                  f"reconnects in {samples[-1].at:.0f} s\n{table(lines)}\n")  # fmt: skip
    record = {
        "schema": "edgefer.soak/1",
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "argv": command_line(),
        "environment": environment(),
        "parts": parts,
    }
    with replacing(RESULTS / "soak.json") as file:
        file.write(json.dumps(record, indent=2).encode() + b"\n")
    return 0 if all(one["flat"] for part in parts.values() for one in part["lines"]) else 1


def _folder(work: Path, name: str) -> Path:
    (work / name).mkdir()
    return work / name


def _told(samples: Sequence[Sample], lines: Sequence[Line]) -> dict[str, Any]:
    last = samples[-1]
    return {
        "seconds": last.at,
        "frames": last.frames,
        "reconnects": last.reconnects,
        "most_children": max(sample.children for sample in samples),
        "most_children_rss_kb": max(sample.children_rss_kb for sample in samples),
        "most_zombies": max(sample.zombies for sample in samples),
        "lines": [dataclasses.asdict(one) | {"flat": one.flat} for one in lines],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=50.0)
    parser.add_argument("--reconnects", type=int, default=1000)
    parser.add_argument("--log", type=Path, help="a folder for the samples, to go on from")
    sys.exit(main(**vars(parser.parse_args())))
