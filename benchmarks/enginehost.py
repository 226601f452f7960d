"""What it costs to have the engine in another process: round trips with a runner that does nothing.

    python -m benchmarks.enginehost [--rounds 7] [--calls 2000]

Two ways in turns: TensorRT's own thread in this process (`engines/trt.py`) and the engine host
(`engines/host.py`), each with a runner that copies nothing and computes nothing. One face of
64x64 is carried, 48 KiB. No GPU is used, and the time that one would take comes on top.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.claims import Claim, in_turns, report
from edgefer.engines import trt_runner
from edgefer.engines.host import HostedEngine
from edgefer.engines.trt import TensorRTEngine
from edgefer.manifest import PlanManifest, trusted_manifest
from edgefer.protocols import Engine
from edgefer.timing import clock, percentile

FACE = (3, 64, 64)
LABELS = 7
WARMUP = 50

DESCRIPTION = """
name = "nothing"
labels = ["a", "b", "c", "d", "e", "f", "g"]
[preprocessing]
width = 64
height = 64
"""


CHILD = f"""
import sys
sys.path[0] = {str(Path(__file__).parents[1])!r}
from benchmarks.enginehost import serve
serve()
"""


class NoRunner:
    """A runner that answers zeros at once."""

    device_seconds, no_graphs = 0.0, "there is nothing to capture"

    def __init__(self, plan: bytes, name: str, graphs: bool) -> None:  # noqa: ARG002
        self._answer = np.zeros((8, LABELS), np.float32)

    def facts(self) -> dict[str, Any]:  # Any: JSON
        return {
            "input": "input", "input_shape": list(FACE), "input_dtype": "float32",
            "output": "logits", "output_shape": [LABELS], "output_dtype": "float32",
            "least": 1, "most": 8, "call": "none",
        }  # fmt: skip

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._answer[: len(batch)]

    def close(self) -> None:
        """Nothing is held."""


def look() -> dict[str, Any]:
    """A device that is none."""
    unknown = ("compute_capability", "cuda", "multiprocessors", "memory_bytes", "l4t")
    return {**dict.fromkeys(unknown), "tensorrt": "none", "device": "nothing", "python": ""}


def serve() -> None:
    """The child's whole program."""
    trt_runner.serve([int(argument) for argument in sys.argv[1:]], NoRunner, look)


@contextmanager
def plan() -> Iterator[tuple[Path, PlanManifest]]:
    """A file that is called a plan, and its description."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "nothing.plan"
        path.write_bytes(b"nothing")
        path.with_name("nothing.plan.toml").write_text(DESCRIPTION)
        yield path, trusted_manifest(path)


def in_process() -> Engine:
    with plan() as (path, manifest):
        return TensorRTEngine(path, manifest, open_runner=NoRunner, look=look)


def hosted() -> Engine:
    with plan() as (path, manifest):
        child = path.with_name("child.py")
        child.write_text(CHILD)
        return HostedEngine(path, manifest, python=sys.executable, child=child)


def round_trips(engine: Engine, calls: int) -> tuple[float, float]:
    """Calls a second, and the 99th percentile of one in microseconds."""
    batch = np.zeros((1, *FACE), np.float32)
    for _ in range(WARMUP):
        engine.infer(batch)
    times = []
    began = clock()
    for _ in range(calls):
        at = clock()
        engine.infer(batch)
        times.append(clock() - at)
    return calls / (clock() - began), percentile(times, 99) * 1e6


def main(rounds: int = 7, calls: int = 2000) -> None:
    engines = {"in process": in_process(), "hosted": hosted()}
    tails: dict[str, list[float]] = {name: [] for name in engines}

    def rate(name: str) -> float:
        found, tail = round_trips(engines[name], calls)
        tails[name].append(tail)
        return found

    try:
        rates = in_turns(
            {"in process": lambda: rate("in process"), "hosted": lambda: rate("hosted")}, rounds
        )
    finally:
        for engine in engines.values():
            engine.close()
    how = (
        f"a runner that does nothing, batches of one face of 64x64x3; {rounds} rounds of "
        f"{calls:,} calls in turns, {WARMUP} calls before each and one round discarded"
    )
    cost = tuple(1e6 / b - 1e6 / a for a, b in zip(*rates.values(), strict=True))
    report(
        "enginehost",
        Claim("round trips in process", ">= 5000", "a second", rates["in process"], how),
        Claim("round trips to the engine host", ">= 2000", "a second", rates["hosted"], how),
        Claim("the host's cost beyond in-process", "<= 500", "us a call", cost, how),
        Claim("p99 in process", "<= 1000", "us", tuple(tails["in process"][1:]), how),
        Claim("p99 to the engine host", "<= 2000", "us", tuple(tails["hosted"][1:]), how),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=2000)
    main(**vars(parser.parse_args()))
