"""An engine whose every call takes a known time, measured as any other.

python -m benchmarks.injected          as `edgefer.bench.rounds`: SECONDS a call
python -m benchmarks.injected_slowed   the same, slowed
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgefer.bench import rounds
from edgefer.protocols import Engine
from edgefer.spec import ModelSpec
from edgefer.timing import clock

SECONDS = 0.002


class Injected:
    """Answers with zeros after SECONDS, spent busily: what the processor can do is no part of it.
    Of the engine beneath only the description is used."""

    exclusive = False
    runtime = "injected"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def spec(self) -> ModelSpec:
        return self._engine.spec

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        until = clock() + SECONDS
        while clock() < until:
            pass
        return np.zeros((len(batch), len(self.spec.labels)), np.float32)

    def close(self) -> None:
        self._engine.close()


if __name__ == "__main__":
    rounds.main(Injected)
