"""An engine that is slower by a known share, measured as any other.

python -m benchmarks.slowed   as `edgefer.bench.rounds`, with the engine slowed
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgefer.bench import rounds
from edgefer.protocols import Engine
from edgefer.spec import ModelSpec
from edgefer.timing import clock


class Slowed:
    """An engine that spends a ninth of each call more, busily: 0.9 of its rate."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def spec(self) -> ModelSpec:
        return self._engine.spec

    @property
    def exclusive(self) -> bool:
        return self._engine.exclusive

    @property
    def runtime(self) -> str:
        return f"{self._engine.runtime}, slowed"

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        began = clock()
        answers = self._engine.infer(batch)
        ended = clock()
        while clock() < ended + (ended - began) / 9:
            pass
        return answers

    def close(self) -> None:
        self._engine.close()


if __name__ == "__main__":
    rounds.main(Slowed)
