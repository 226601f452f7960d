"""What the page About tells: of the model that answers, and of the parts edgefer stands on."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from edgefer.spec import ModelSpec
from edgefer.timing import clock
from edgefer.web.answers import Refused
from edgefer.web.serving import Serving
from edgefer.web.site import Site

PARTS: Final = {
    "numpy": "BSD-3-Clause",
    "opencv-python-headless": "Apache-2.0; FFmpeg in it: LGPL-2.1",
    "onnx": "Apache-2.0",
    "onnxruntime": "MIT",
    "openvino": "Apache-2.0",
    "starlette": "BSD-3-Clause",
    "uvicorn": "BSD-3-Clause",
    "h11": "MIT",
    "anyio": "MIT",
    "jinja2": "BSD-3-Clause",
    "python-multipart": "Apache-2.0",
    "httpx": "BSD-3-Clause",
    "paho-mqtt": "EPL-2.0 or BSD-3-Clause",
    "prometheus-client": "Apache-2.0 and BSD-2-Clause",
}
"""Package -> licence, as the packages' own metadata says."""


PATIENCE: Final = 3.0
"""Seconds that a visitor of the page waits for those whose pictures are looked at."""

KEPT: Final = 60.0
"""Seconds after which it is asked again, as another model may bear the same name."""


@dataclass(frozen=True, slots=True)
class Answering:
    """The models that answer."""

    spec: ModelSpec
    runtime: str
    detector: str


class About:
    """For the event loop's thread."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._last: Answering | None = None
        self._asked = 0.0
        self.versions: dict[str, str | None] = {name: _version(name) for name in PARTS}
        """Package -> its version; None where it is not installed."""

    async def model(self) -> tuple[Answering | None, bool]:
        """The models, and whether they answer now; where they do not, those that did before."""
        now, last = self._site.status().get("engine"), self._last
        same = last and now == {"model": last.spec.name, "runtime": last.runtime}
        if same and clock() - self._asked < KEPT:
            return last, True  # without standing in the queue of visitors' pictures
        try:
            asking = self._site.predicting.run(_told)
            self._last = await asyncio.wait_for(asking, PATIENCE)
            self._asked = clock()
        except (Refused, asyncio.TimeoutError):
            return self._last, False
        return self._last, True


def _told(serving: Serving) -> Answering:
    return Answering(serving.engine.spec, serving.engine.runtime, serving.detector.name)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
