"""The four seams of the house. Everything that plugs in does so through one of these."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from edgefer.data import Face, Frame, Image, Reading
from edgefer.spec import ModelSpec


@runtime_checkable
class Source(Protocol):
    """Gives frames. `read` is called by one thread at a time, `close` by any, at any time."""

    @property
    def live(self) -> bool:
        """True where frames pass by whether or not they are read (the newest wins);
        False where every frame waits to be read and the source ends."""
        ...

    def read(self) -> Frame | None:
        """The next frame, or None after the last one or once closed; blocks until then.

        The frame owns its pixels. Raises SourceError when there will be no more frames
        although there should be.
        """
        ...

    def close(self) -> None:
        """Release everything; a `read` blocked in another thread returns. Safe to call twice."""
        ...


@runtime_checkable
class Detector(Protocol):
    """Finds faces. `detect` may be called by several threads at once unless `exclusive`."""

    @property
    def name(self) -> str:
        """What a table prints, such as "yunet 320"."""
        ...

    @property
    def exclusive(self) -> bool:
        """True where it owns a device: the pipeline then lets one thread in at a time."""
        ...

    def detect(self, image_bgr: Image) -> tuple[Face, ...]:
        """Faces in pixels of `image_bgr` itself, the most certain first; () where there is none."""
        ...

    def close(self) -> None:
        """Release everything. Safe to call twice."""
        ...


@runtime_checkable
class Engine(Protocol):
    """Runs one classifier. `infer` may be called by several threads at once unless `exclusive`."""

    @property
    def spec(self) -> ModelSpec: ...

    @property
    def exclusive(self) -> bool:
        """True where it owns a device: the pipeline then lets one thread in at a time."""
        ...

    @property
    def runtime(self) -> str:
        """What runs the model and at which precision, such as "onnxruntime 1.23.2 cpu fp32"."""
        ...

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, C, h, w) float32 -> (N, K) float32 raw outputs, N >= 1, in host memory that
        belongs to the caller. Raises InferenceError."""
        ...

    def close(self) -> None:
        """Release everything. Safe to call twice."""
        ...


@runtime_checkable
class Sink(Protocol):
    """Takes readings away. Only its own task calls it, one reading at a time, in order."""

    async def put(self, reading: Reading) -> None:
        """Deliver one reading. Raises OutputError where it cannot be."""
        ...

    async def close(self) -> None:
        """Finish what was begun and release everything. Safe to call twice."""
        ...
