"""What is decoded, and what is refused before that."""

from __future__ import annotations

import struct
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefer.outputs import WebConfig
from edgefer.web.answers import Refused
from edgefer.web.pictures import Upload, decoded, measured
from edgefer.web.pngs import DEPTHS, _lines

CONFIG = WebConfig()
SUFFIXES = (".jpg", ".png", ".webp", ".bmp")


def encoded(suffix: str, width: int = 48, height: int = 32) -> bytes:
    image = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    return cv2.imencode(suffix, cv2.blur(image, (9, 9)))[1].tobytes()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bomb(width: int, height: int) -> bytes:
    """Grey 0 everywhere: a thousandth of what it unpacks to."""
    packed = zlib.compressobj(9)
    body = b"".join(packed.compress(b"\0" * (width + 1)) for _ in range(height)) + packed.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def outcome(data: bytes) -> tuple[tuple[int, ...], int]:
    """The shape of what it decodes to, or the code of the refusal."""
    try:
        return decoded(Upload("", data), CONFIG).shape, 0
    except Refused as refused:
        return (), refused.code


def turned(jpeg: bytes, orientation: int) -> bytes:
    """With an EXIF tag that says how it was held."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    tiff = b"II*\0" + struct.pack("<IH", 8, 1) + entry + b"\0\0\0\0"
    exif = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_size_is_in_the_header_and_the_picture_has_it(suffix: str) -> None:
    data = encoded(suffix)
    assert measured(data)[1:] == (48, 32)
    assert decoded(Upload("x.exe", data), CONFIG).shape == (32, 48, 3)


def test_lossless_webp_is_measured_too() -> None:
    image = np.zeros((20, 30, 3), np.uint8)
    data = cv2.imencode(".webp", image, (cv2.IMWRITE_WEBP_QUALITY, 101))[1].tobytes()
    assert data[12:16] == b"VP8L"
    assert measured(data) == ("webp", 30, 20)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_opencv_does(orientation: int) -> None:
    data = turned(encoded(".jpg"), orientation)
    shape = (32, 48, 3) if orientation < 5 else (48, 32, 3)
    assert decoded(Upload("", data), CONFIG).shape == shape


@pytest.mark.parametrize(
    "data",
    [
        b"GIF89a" + b"\0" * 50,
        b"<svg/>",
        b"%PDF-1.4",
        b"\0" * 100,
        b"RIFF\0\0\0\0WAVEfmt ",
        b"II*\0",
    ],
)
def test_another_kind_is_refused_by_its_first_bytes(data: bytes) -> None:
    with pytest.raises(Refused) as refused:
        decoded(Upload("face.jpg", data), CONFIG)
    assert refused.value.code == 415


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9])
def test_a_picture_that_is_cut_off_is_no_fault_of_ours(suffix: str, share: float) -> None:
    data = encoded(suffix)
    cut = data[: max(4, int(len(data) * share))]
    shape, code = outcome(cut)
    assert code in (400, 415) or (shape == (32, 48, 3) and suffix not in (".jpg", ".png"))


def test_a_bomb_is_refused_without_unpacking_it() -> None:
    data = png_bomb(20_000, 20_000)
    assert len(data) < 1_000_000
    tracemalloc.start()
    try:
        with pytest.raises(Refused) as refused:
            decoded(Upload("", data), CONFIG)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    assert refused.value.code == 413


def test_a_bomb_of_any_kind_is_refused_by_what_it_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("it was decoded")

    small = {suffix: encoded(suffix, 64, 64) for suffix in SUFFIXES}
    monkeypatch.setattr(cv2, "imdecode", never)
    jpeg = small[".jpg"]
    at = jpeg.index(b"\xff\xc0") + 5
    bombs = [
        jpeg[:at] + struct.pack(">HH", 65535, 65535) + jpeg[at + 4 :],
        png_bomb(1, 1)[:16] + struct.pack(">II", 2**31 - 1, 2**31 - 1) + png_bomb(1, 1)[24:],
        b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff" * 6,
        small[".bmp"][:18] + struct.pack("<ii", 2**31 - 1, -(2**31)) + small[".bmp"][26:],
        b"\xff\xd8\xff" + jpeg[3:20] + b"\xff\xc2" + struct.pack(">HBHH", 11, 8, 60000, 60000) * 2,
    ]
    for bomb in bombs:
        with pytest.raises(Refused) as refused:
            decoded(Upload("", bomb), CONFIG)
        assert refused.value.code in (400, 413)


def test_what_is_wrong_with_a_png_is_said_to_its_sender_and_not_to_stderr(
    capfd: pytest.CaptureFixture[str],
) -> None:
    whole = encoded(".png")
    assert outcome(whole + b"trailing")[0] == (32, 48, 3)
    disliked = whole[:33] + chunk(b"iCCP", b"x\0\0abc") + whole[33:]
    assert outcome(disliked)[0] == (32, 48, 3)
    for cut in (whole[:-1], whole[:-12], whole[:200], whole[:33], whole[:24]):
        assert outcome(cut)[1] == 400
    assert outcome(whole[:200] + bytes([whole[200] ^ 1]) + whole[201:])[1] == 400
    assert outcome(whole[:33] + chunk(b"none", b"") * 100_000 + whole[33:])[1] == 400
    assert outcome(png_bomb(1_000_001, 1))[1] == 413
    assert capfd.readouterr().err == ""


def png(
    raw: bytes | None,
    *before: tuple[bytes, bytes],
    header: tuple[int, ...] = (5, 4, 8, 0, 0, 0, 0),
    stream: bytes = b"",
) -> bytes:
    """With right checksums: its lines, or the stream that stands for them."""
    packed = stream if raw is None else zlib.compress(raw)
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", *header)),
        *before,
        (b"IDAT", packed),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


LINES = bytes(4 * 6)
PACKED = zlib.compress(LINES)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (png(LINES), 0),
        (png(None, stream=b""), 400),
        (png(None, stream=b"no stream"), 400),
        (png(None, stream=PACKED[:-1]), 400),
        (png(None, stream=PACKED[:-1] + b"?"), 400),
        (png(None, stream=PACKED + b"more"), 0),
        (png(LINES[:-1]), 400),
        (png(LINES + b"0"), 400),
        (png(LINES + LINES), 400),
        (png(b"\5" + LINES[1:]), 400),
        (png(LINES[:-6] + b"\5" + LINES[:5]), 400),
        (png(LINES, header=(5, 4, 3, 0, 0, 0, 0)), 400),
        (png(LINES, header=(5, 4, 8, 9, 0, 0, 0)), 400),
        (png(LINES, header=(5, 4, 8, 0, 1, 0, 0)), 400),
        (png(LINES, header=(5, 4, 8, 0, 0, 1, 0)), 400),
        (png(LINES, header=(5, 4, 8, 0, 0, 0, 2)), 400),
        (png(LINES, header=(5, 4, 8, 3, 0, 0, 0)), 400),
        (png(LINES, (b"PLTE", bytes(4)), header=(5, 4, 8, 3, 0, 0, 0)), 400),
        (png(LINES, (b"PLTE", bytes(9)), (b"PLTE", b""), header=(5, 4, 8, 3, 0, 0, 0)), 0),
        (png(LINES, (b"PLTE", b"?")), 0),
        (png(LINES, (b"tRNS", bytes(300))), 0),
        (png(LINES, (b"eXIf", b"")), 0),
        (png(LINES, (b"eXIf", b"nothing that is known")), 0),
        (png(LINES, (b"eXIf", b"II*\0")), 0),
    ],
)
def test_a_png_with_right_checksums_around_what_is_broken_writes_no_line(
    data: bytes, code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    assert outcome(data) == ((4, 5, 3) if code == 0 else (), code)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("interlaced", [0, 1])
@pytest.mark.parametrize("kind", [(c, d) for c, depths in DEPTHS.items() for d in depths])
def test_a_png_of_each_kind_has_the_pixels_that_opencv_gives_it(
    kind: tuple[int, int], interlaced: int
) -> None:
    colours, depth = kind
    header = struct.pack(">IIBBBBB", 13, 9, depth, colours, 0, 0, interlaced)
    chance = np.random.default_rng(3)
    raw = b"".join(b"\1" + chance.bytes(length - 1) for length in _lines(header))
    before = [(b"PLTE", chance.bytes(3 << depth)), (b"tRNS", b"\7")] if colours == 3 else []
    data = png(raw, *before, header=struct.unpack(">IIBBBBB", header))
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    assert (decoded(Upload("", data), CONFIG) == pixels).all()


def test_the_exif_of_a_png_counts_as_opencv_has_it() -> None:
    whole = encoded(".png")
    tiff = turned(b"", 6)[10:]
    data = whole[:33] + chunk(b"eXIf", tiff) + whole[33:]
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    assert outcome(data)[0] == pixels.shape


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_a_side_that_no_decoder_takes_is_refused_before_it(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was decoded"))
    jpeg = encoded(".jpg")
    at = jpeg.index(b"\xff\xc0") + 5
    long = {
        "jpeg": jpeg[:at] + struct.pack(">HH", 65_535, 1) + jpeg[at + 4 :],
        "webp": b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff\x3f\0" + b"\0\0\0",
    }
    assert outcome(long[kind])[1] == 413


def test_a_jpeg_of_a_thousand_scans_is_refused() -> None:
    data = encoded(".jpg")
    many = data[:-2] + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00\x00" * 1000 + data[-2:]
    with pytest.raises(Refused) as refused:
        decoded(Upload("", many), CONFIG)
    assert refused.value.code == 400


def test_the_limits_are_those_of_the_configuration() -> None:
    config = WebConfig(megapixels=0.01, megabytes=0.01)
    for data in (encoded(".bmp", 101, 100), encoded(".png", 101, 100)):
        with pytest.raises(Refused) as refused:
            decoded(Upload("", data), config)
        assert refused.value.code == 413


@given(st.sampled_from(SUFFIXES), st.binary(max_size=64), st.integers(0, 200), st.data())
def test_no_damage_raises_anything_but_a_refusal(
    suffix: str, junk: bytes, at: int, data: st.DataObject
) -> None:
    whole = encoded(suffix)
    damaged = whole[:at] + junk + whole[at + data.draw(st.integers(0, 64)) :]
    shape, code = outcome(damaged)
    assert shape or code in (400, 413, 415)
