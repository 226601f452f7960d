"""`python -m benchmarks.injected_slowed`: 0.9 of the rate of `benchmarks.injected`."""

from __future__ import annotations

from benchmarks.injected import Injected
from benchmarks.slowed import Slowed
from edgefer.bench import rounds

if __name__ == "__main__":
    rounds.main(lambda engine: Slowed(Injected(engine)))
