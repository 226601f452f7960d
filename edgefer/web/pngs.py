"""PNGs that libpng has nothing to say about: it writes a line onto stderr for each chunk or stream
that it does not like, and visitors shall not write into a log.

What it would complain of is refused or left out before it is asked (W3C PNG, 11.2 and 9.2).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from edgefer.web.answers import Refused

CHUNKS = 20_000
"""Of a PNG: encoders begin a new one each 4 kB at the earliest."""

PIECE = 16_384
"""Bytes that are unpacked at once, and packed ones that are handed over at once."""

SIGNATURE = b"\x89PNG\r\n\x1a\n"

PALETTE = 3
"""The colour type whose pixels are numbers of colours."""

SAMPLES = {0: 1, 2: 3, PALETTE: 1, 4: 2, 6: 4}
"""Colour type -> numbers for one pixel."""

DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), PALETTE: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Colour type -> bits of each that there are."""

FILTERS = 4
"""The highest number of a filter."""

ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
         (0, 1, 1, 2))  # fmt: skip
"""The passes of an interlaced picture: the first column and row, and the steps between them."""


def bare_png(data: bytes) -> bytes:
    """The PNG with the chunks that its colours and its turning depend on, and its stream checked.
    Raises Refused 400.

    What is unpacked is looked at in pieces, and never more of it than the header says.
    """
    found: dict[bytes, bytes] = {}
    packed: list[memoryview] = []
    for kind, body in _chunks(data):
        if kind == b"IDAT":
            packed.append(body)
        elif not packed:
            found.setdefault(kind, bytes(body))
    header = found.get(b"IHDR", b"")
    if len(header) != 13:
        raise _damaged()
    *_, depth, colours, packing, filtering, interlaced = struct.unpack(">IIBBBBB", header)
    if depth not in DEPTHS.get(colours, ()) or packing or filtering or interlaced > 1:
        raise _damaged()
    kept = [SIGNATURE, *_chunk(b"IHDR", header)]
    if colours == PALETTE:
        palette = found.get(b"PLTE", b"")
        if len(palette) not in range(3, 3 * 256 + 1, 3):
            raise _damaged()
        kept += _chunk(b"PLTE", palette)
    if (exif := found.get(b"eXIf", b""))[:4] in (b"II*\0", b"MM\0*"):
        kept += _chunk(b"eXIf", exif)
    stream = b"".join(packed)
    kept += _chunk(b"IDAT", stream[: _checked(stream, header)])
    return b"".join((*kept, *_chunk(b"IEND", b"")))


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Those before IEND, with right checksums."""
    view = memoryview(data)
    at = len(SIGNATURE)
    for _ in range(CHUNKS):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            raise Refused(400, "the PNG is cut off", "damaged")
        if zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            break
        kind = data[at + 4 : at + 8]
        if kind == b"IEND":
            return
        yield kind, view[at + 8 : end - 4]
        at = end
    raise _damaged()


def _chunk(kind: bytes, body: bytes) -> tuple[bytes, ...]:
    checksum = zlib.crc32(body, zlib.crc32(kind))
    return struct.pack(">I", len(body)), kind, body, struct.pack(">I", checksum)


def _checked(stream: bytes, header: bytes) -> int:
    """The bytes of the zlib stream, which holds exactly the lines that the header says, each of a
    filter that there is."""
    lines = _lines(header)
    due = total = 0  # where the next line begins, and how much is unpacked
    try:
        unpacking = zlib.decompressobj()
        for at in range(0, len(stream), PIECE):
            rest = stream[at : at + PIECE]
            while rest and not unpacking.eof:
                piece = unpacking.decompress(rest, PIECE)
                rest = unpacking.unconsumed_tail
                while due < total + len(piece):
                    if piece[due - total] > FILTERS:
                        raise _damaged()
                    due += next(lines)
                total += len(piece)
            if unpacking.eof:
                if total != due or next(lines, None) is not None:
                    raise _damaged()
                return min(at + PIECE, len(stream)) - len(unpacking.unused_data)
    except (zlib.error, StopIteration) as exc:  # the second: more lines than there are
        raise _damaged() from exc
    raise _damaged()


def _lines(header: bytes) -> Iterator[int]:
    """The bytes of each line, its filter's included."""
    width, height, depth, colours, *_, interlaced = struct.unpack(">IIBBBBB", header)
    bits = SAMPLES[colours] * depth
    for column, row, across, down in ADAM7 if interlaced else ((0, 0, 1, 1),):
        pixels = -(-(width - column) // across)
        if pixels > 0:
            for _ in range(row, height, down):
                yield 1 + (pixels * bits + 7) // 8


def _damaged() -> Refused:
    return Refused(400, "the PNG is damaged", "damaged")
