"""Pictures that visitors send: known by their first bytes, measured before they are decoded."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from starlette.requests import Request

from edgefer.data import Image
from edgefer.outputs import WebConfig
from edgefer.web.answers import Refused
from edgefer.web.site import Site


@dataclass(frozen=True, slots=True)
class Upload:
    """One file as it came."""

    name: str
    """As its sender calls it; nothing is opened by it."""
    data: bytes


async def one_picture(site: Site, request: Request) -> Upload:
    """The body of a request, which is one picture. Raises Refused."""
    return Upload("image", await request.body())


def decoded(upload: Upload, config: WebConfig) -> Image:
    """(H, W, 3) uint8 BGR, turned as its EXIF says. Raises Refused: 413, 415 or 400."""
    image = cv2.imdecode(np.frombuffer(upload.data, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise Refused(415, "it is no picture")
    return image  # type: ignore[return-value]  # IMREAD_COLOR is always uint8
