"""What runs the classifier fastest on this processor: runtimes and arithmetic, side by side.

    edgefer-export quantise lightweight.onnx --data fer2013.csv -o int8.onnx
    python -m benchmarks.runtimes --int8 int8.onnx

One face, one thread inside, every contestant in every round, in an order drawn anew each time. A
figure of a round is the mean of its calls; ratios are taken within a round, of wall-clock time and
of processor time, since on a busy machine the wall clock also counts the work of others. Results
go to `results/runtimes.json`.

`of sgemm` holds the multiply-accumulates that a runtime does in a second of processor time against
those of ONNX Runtime's own product of two 1,024 x 1,024 matrices, in the same rounds.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import random
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from benchmarks.claims import RESULTS
from edgefer.bench.provenance import command_line, environment
from edgefer.bench.statistics import Interval, interval
from edgefer.config import EngineConfig
from edgefer.engines import find_model, open_engine
from edgefer.engines.onnx_file import read_onnx
from edgefer.engines.session import open_session, run
from edgefer.engines.trt_agreement import FACES, compare, fixture
from edgefer.errors import ConfigError, NotInstalled
from edgefer.files import replacing
from edgefer.tables import text_table
from edgefer.timing import clock, percentile

SIDE = 1024
CALLS = 10
"""In a row, of one contestant in one round."""
WARM_UP = 3
"""Rounds that are not counted."""


@dataclass(frozen=True, slots=True)
class Row:
    """One contestant. Times of one face; ratios are of the reference's time to its own."""

    engine: str
    runtime: str
    sha256: str
    wall_ms: float
    """Median of the rounds."""
    cpu_ms: float
    """Of all threads."""
    faster_wall: Interval
    faster_cpu: Interval
    of_sgemm: float | None
    same_label: float
    """Share of the fixture's drawn faces with the reference's most probable label."""
    difference: float
    """Greatest, of a probability."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="lightweight.onnx", metavar="MODEL", help="fp32")
    parser.add_argument("--int8", metavar="MODEL", help="the same network in eight-bit integers")
    parser.add_argument("--rounds", type=int, default=100)
    args = parser.parse_args()
    names = [args.model, f"openvino:{args.model}", f"openvino-bf16:{args.model}"]
    if args.int8:
        names += [args.int8, f"openvino:{args.int8}"]
    rows = measure(names, args.rounds)
    print(table(rows))
    record = {
        "schema": "edgefer.runtimes/1",
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "argv": command_line(),
        "environment": environment(),
        "rounds": args.rounds,
        "calls": CALLS,
        "warm_up_rounds": WARM_UP,
        "rows": [dataclasses.asdict(row) for row in rows],
    }
    with replacing(RESULTS / "runtimes.json") as file:
        file.write(json.dumps(record, indent=2).encode() + b"\n")


def measure(names: list[str], rounds: int) -> list[Row]:
    """Of the first, which is the reference, and of all others that can be had here."""
    engines = {}
    for name in names:
        try:
            engines[name] = open_engine(EngineConfig(model=name, device="cpu"))
        except (NotInstalled, ConfigError) as exc:
            if name == names[0]:
                raise
            print(f"left out: {exc}")
    reference = names[0]
    right = engines[reference]
    one = fixture(right.spec)[:1]
    work: dict[str, Callable[[], object]] = {
        name: (lambda engine=engine: engine.infer(one))  # type: ignore[misc]
        for name, engine in engines.items()
    }
    wall, cpu = take_turns({**work, "sgemm": product()}, rounds)
    rows = []
    for name, engine in engines.items():
        file = read_onnx(find_model(name))
        agrees = compare(engine.infer, right.infer, right.spec, file.precision, FACES)
        rows.append(
            Row(
                engine=name,
                runtime=engine.runtime,
                sha256=file.sha256,
                wall_ms=percentile(wall[name], 50) * 1000,
                cpu_ms=percentile(cpu[name], 50) * 1000,
                faster_wall=ratio(wall[reference], wall[name]),
                faster_cpu=ratio(cpu[reference], cpu[name]),
                of_sgemm=of_sgemm(file.cost.macs, cpu[name], cpu["sgemm"]),
                same_label=agrees.top1,
                difference=agrees.dp,
            )
        )
    for engine in engines.values():
        engine.close()
    return rows


def take_turns(
    work: Mapping[str, Callable[[], object]], rounds: int
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Wall-clock and processor seconds of one call, one figure a round, by contestant."""
    wall: dict[str, list[float]] = {name: [] for name in work}
    cpu: dict[str, list[float]] = {name: [] for name in work}
    order = list(work)
    shuffle = random.Random(0).shuffle
    for n in range(WARM_UP + rounds):
        shuffle(order)  # nobody always finds the caches that the same predecessor left
        for name in order:
            call = work[name]
            call()  # brings its weights into the caches again
            began, began_cpu = clock(), time.process_time()
            for _ in range(CALLS):
                call()
            spent_cpu, spent = time.process_time() - began_cpu, clock() - began
            if n >= WARM_UP:
                wall[name].append(spent / CALLS)
                cpu[name].append(spent_cpu / CALLS)
    return wall, cpu


def ratio(reference: list[float], other: list[float]) -> Interval:
    """The geometric mean of the rounds' ratios, with its 95 % interval."""
    logs = interval([math.log(a / b) for a, b in zip(reference, other, strict=True)])
    return Interval(*map(math.exp, (logs.mean, logs.low, logs.high)))


def of_sgemm(macs: int | None, seconds: list[float], product: list[float]) -> float | None:
    """Multiply-accumulates a second, as a share of the product's; the median of the rounds."""
    if macs is None:
        return None
    shares = [(macs / s) / (SIDE**3 / p) for s, p in zip(seconds, product, strict=True)]
    return percentile(shares, 50)


def product() -> Callable[[], list[NDArray[np.float32]]]:
    """ONNX Runtime's product of two matrices, one thread."""
    shape = (SIDE, SIDE)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["a", "b"], ["c"])],
        "sgemm",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "ab"],
        [helper.make_tensor_value_info("c", TensorProto.FLOAT, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sgemm.onnx"
        onnx.save(model, str(path))
        session = open_session(path, threads=1)
    inputs: dict[str, NDArray[np.float32]] = {name: np.ones(shape, np.float32) for name in "ab"}
    return lambda: run(session, ["c"], inputs)


def table(rows: list[Row]) -> str:
    """For a terminal."""
    return text_table(
        ["engine", "wall ms", "cpu ms", "faster, cpu", "faster, wall", "of sgemm", "same", "diff"],
        [
            [
                Path(row.engine).name if ":" not in row.engine else
                f"{row.engine.partition(':')[0]}:{Path(row.engine.partition(':')[2]).name}",
                f"{row.wall_ms:.2f}",
                f"{row.cpu_ms:.2f}",
                *(f"{x.mean:.2f} [{x.low:.2f}, {x.high:.2f}]"
                  for x in (row.faster_cpu, row.faster_wall)),
                "-" if row.of_sgemm is None else f"{row.of_sgemm:.0%}",
                f"{row.same_label:.0%}",
                f"{row.difference:.1e}",
            ]
            for row in rows
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main()
