"""Run every benchmark, keep the results, and write the README's tables from them.

Some are run by themselves (benchmarks/README.md): faults, soak, runtimes, calibration, and the zoo.
"""

from __future__ import annotations

import argparse
import importlib
import sys

from benchmarks import readme
from benchmarks.claims import RESULTS
from edgefer.cli import main as edgefer

BENCHMARKS = (
    *("pipeline", "peers", "yunet", "classify", "exclusive", "overload", "handover", "enginehost"),
    *("cameras", "tracking", "following", "scaling", "start", "web"),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--readme-only", action="store_true", help="measure nothing")
    if not parser.parse_args().readme_only:
        for name in BENCHMARKS:  # imported one by one: they need more packages than the tables do
            importlib.import_module(f"benchmarks.{name}").main()
        code = edgefer(["bench", "--json", str(RESULTS / "bench.json")])
        if code:
            return code
    readme.write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
