"""Pictures that visitors send: known by their first bytes, measured before they are decoded.

No name or type that a visitor gives is believed, and none is opened. The size is read from the
file's own header, so that a few kilobytes that would unpack to gigabytes are refused unpacked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from edgefer.data import Image
from edgefer.outputs import WebConfig
from edgefer.web.answers import Refused
from edgefer.web.pngs import bare_png

SCANS = 100
"""Of a JPEG: progressive ones have about ten scans, and each costs as much as a whole picture."""

SIDES = {"jpeg": 65_500, "png": 1_000_000, "webp": 16_383, "bmp": 1 << 20}
"""Pixels of a side at most: what libjpeg, libpng, libwebp and OpenCV take."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One file as it came."""

    name: str
    """As its sender calls it; nothing is opened by it."""
    data: bytes


def measured(data: bytes) -> tuple[str, int, int]:
    """The format, width and height that the file's header gives. Raises Refused 415 where it is no
    JPEG, PNG, WebP or BMP, 400 where its header is damaged."""
    for begins, kind, measure in _KINDS:
        if data.startswith(begins) and (kind != "webp" or data[8:12] == b"WEBP"):
            try:
                width, height = measure(data)
            except (IndexError, ValueError):
                width = height = 0
            if width <= 0 or height <= 0:
                raise Refused(400, f"the {kind} is damaged: its header has no size", "damaged")
            return kind, width, height
    why = "it is no picture that is known here; send a JPEG, PNG, WebP or BMP"
    raise Refused(415, why, "not_picture")


def checked(upload: Upload, config: WebConfig) -> tuple[int, int]:
    """Width and height of a picture that may be decoded. Raises Refused 400, 413 or 415."""
    if not upload.data:
        raise Refused(400, "the picture is empty", "empty")
    if len(upload.data) > config.megabytes * 1e6:
        raise Refused(413, f"a picture has {config.megabytes:g} MB at most", "too_large")
    kind, width, height = measured(upload.data)
    if width * height > config.megapixels * 1e6:
        most = f"{config.megapixels:g} megapixels at most"
        raise Refused(413, f"the picture is {width}x{height}; {most}", "too_many_pixels")
    if max(width, height) > SIDES[kind]:
        most = f"{SIDES[kind]} pixels on a side at most"
        raise Refused(413, f"the picture is {width}x{height}; a {kind} has {most}", "too_long")
    if kind == "jpeg" and upload.data.count(b"\xff\xda") > SCANS:
        raise Refused(400, "the JPEG has more scans than any camera makes", "damaged")
    return width, height


def decoded(upload: Upload, config: WebConfig) -> Image:
    """(H, W, 3) uint8 BGR, turned as its EXIF says, as OpenCV does. Raises Refused 400, 413, 415.

    Takes up to a second: not for the event loop.
    """
    width, height = checked(upload, config)
    data = upload.data
    if data.startswith(b"\x89PNG"):
        data = bare_png(data)
    scan = data.find(b"\xff\xda") if data.startswith(b"\xff\xd8") else -1
    if scan >= 0 and data.find(b"\xff\xd9", scan) < 0:
        # OpenCV would read what is missing as grey.
        raise Refused(400, "the JPEG is cut off", "damaged")
    cv2.utils.logging.setLogLevel(0)  # what it would print, Refused says
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        image = None
    if image is None or image.shape[:2] not in ((height, width), (width, height)):
        raise Refused(400, "the picture is damaged", "damaged")
    return image  # type: ignore[return-value]  # IMREAD_COLOR is always uint8


def _jpeg(data: bytes) -> tuple[int, int]:
    """Of the first frame header: ITU T.81, B.2."""
    at = 2
    while True:
        at = data.index(b"\xff", at)
        while data[at] == 0xFF:  # fill bytes
            at += 1
        marker, at = data[at], at + 1
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # they have no length
            continue
        if marker in (0x00, 0xD9, 0xDA):
            raise ValueError(marker)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return _big(data[at + 5 : at + 7]), _big(data[at + 3 : at + 5])
        at += _big(data[at : at + 2])


def _png(data: bytes) -> tuple[int, int]:
    """W3C PNG, 11.2.2: IHDR is the first chunk."""
    if data[12:16] != b"IHDR":
        raise ValueError
    return _big(data[16:20]), _big(data[20:24])


def _webp(data: bytes) -> tuple[int, int]:
    """RFC 9649: lossy, lossless, or extended with a canvas of its own size."""
    match data[12:16]:
        case b"VP8 " if data[23:26] == b"\x9d\x01\x2a":
            return _little(data[26:28]) & 0x3FFF, _little(data[28:30]) & 0x3FFF
        case b"VP8L" if data[20] == 0x2F:
            bits = _little(data[21:25])
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8X" if len(data) >= 30:
            return _little(data[24:27]) + 1, _little(data[27:30]) + 1
    raise ValueError


def _bmp(data: bytes) -> tuple[int, int]:
    """Width and height of a BITMAPINFOHEADER, whose height is negative from top to bottom, or of
    OS/2's older header."""
    if _little(data[14:18]) == 12:
        return _little(data[18:20]), _little(data[20:22])
    if len(data) < 26:
        raise ValueError
    return (
        int.from_bytes(data[18:22], "little", signed=True),
        abs(int.from_bytes(data[22:26], "little", signed=True)),
    )


def _big(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")


_KINDS: tuple[tuple[bytes, str, Callable[[bytes], tuple[int, int]]], ...] = (
    (b"\xff\xd8\xff", "jpeg", _jpeg),
    (b"\x89PNG\r\n\x1a\n", "png", _png),
    (b"RIFF", "webp", _webp),
    (b"BM", "bmp", _bmp),
)
