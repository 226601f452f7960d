"""The pictures in a request's body: read whole into memory, never onto a disk, and only where
there is room."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from edgefer.web.answers import Refused
from edgefer.web.pictures import Upload, checked
from edgefer.web.site import Site

PICTURES = 16
"""In one request at most."""

SECONDS = 60.0
"""For a body to come and its answer to be sent: a telephone far from its base station."""

IMAGE: Mapping[str, Any] = {"type": "string", "format": "binary"}
KINDS = ("image/jpeg", "image/png", "image/webp", "image/bmp")
ONE: Mapping[str, Mapping[str, Any]] = dict.fromkeys(KINDS, IMAGE)
"""A body that is one picture, for the table of operations."""
SEVERAL = {
    "type": "object",
    "properties": {"image": {"type": "array", "items": IMAGE, "maxItems": PICTURES}},
    "required": ["image"],
}
"""A form with pictures."""


@asynccontextmanager
async def uploads(site: Site, request: Request) -> AsyncIterator[tuple[Upload, ...]]:
    """The pictures of a request, one or more, each of a size that may be decoded; room is taken
    as they come, until they are let go of. Raises Refused 400, 413, 415 or 503."""
    with site.room.share() as take:
        pieces = _taking(request.stream(), take)
        if request.headers.get("content-type", "").startswith("multipart/form-data"):
            found = await _form(request.headers, pieces)
        else:
            found = (Upload("image", b"".join([piece async for piece in pieces])),)
        for upload in found:
            checked(upload, site.config.web)
        yield found


@asynccontextmanager
async def one_picture(site: Site, request: Request) -> AsyncIterator[Upload]:
    """The one picture of a request. Raises as `uploads`."""
    async with uploads(site, request) as found:
        if len(found) != 1:
            raise Refused(400, f"{len(found)} pictures came; one is taken here")
        yield found[0]


async def _taking(
    pieces: AsyncIterator[bytes], take: Callable[[int], None]
) -> AsyncGenerator[bytes, None]:
    async for piece in pieces:
        take(len(piece))
        yield piece


async def _form(headers: Headers, pieces: AsyncGenerator[bytes, None]) -> tuple[Upload, ...]:
    parser = MultiPartParser(headers, pieces, max_files=PICTURES, max_fields=4)
    parser.spool_max_size = 1 << 40  # it would put pictures onto a disk
    found = []
    try:
        form = await parser.parse()
    except MultiPartException as exc:
        raise Refused(400, f"the form cannot be read: {exc.message}") from exc
    except (KeyError, ValueError) as exc:  # a boundary or a charset that is none
        raise Refused(400, "the form cannot be read") from exc
    async with form_closed(form):
        for field, value in form.multi_items():
            if field != "image" or not isinstance(value, UploadFile):
                raise Refused(400, "a form has pictures in fields called image, and nothing else")
            found.append(Upload(value.filename or "image", await value.read()))
    if not found:
        raise Refused(400, "the form has no picture in a field called image")
    return tuple(found)


@asynccontextmanager
async def form_closed(form: Any) -> AsyncIterator[None]:  # Any: FormData
    try:
        yield
    finally:
        await form.close()
