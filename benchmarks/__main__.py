"""Run every benchmark, keep the results, and write the README's tables from them.

Two take long, and need more than Python: python -m benchmarks.faults, python -m benchmarks.soak.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks import (
    cameras,
    classify,
    enginehost,
    exclusive,
    following,
    handover,
    overload,
    peers,
    pipeline,
    readme,
    scaling,
    start,
    tracking,
    web,
    yunet,
)
from benchmarks.claims import RESULTS
from edgefer.cli import main as edgefer

BENCHMARKS = (pipeline, peers, yunet, classify, exclusive, overload, handover, enginehost, cameras,
              tracking, following, scaling, start, web)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--readme-only", action="store_true", help="measure nothing")
    if not parser.parse_args().readme_only:
        for benchmark in BENCHMARKS:
            benchmark.main()
        code = edgefer(["bench", "--json", str(RESULTS / "bench.json")])
        if code:
            return code
    readme.write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
