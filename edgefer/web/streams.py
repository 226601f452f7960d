"""Answers without an end: they go on while somebody reads, and may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from edgefer.web.connections import PATIENCE


class Stream(Response):
    """Each piece has PATIENCE seconds to be taken, or the connection is cut: what a slow reader
    does not take is never queued, as the pieces are asked for only then."""

    def __init__(
        self, pieces: AsyncGenerator[bytes, None], media_type: str, allowed: Callable[[], bool]
    ) -> None:
        """`allowed` is asked before each piece: a session may have ended."""
        super().__init__(media_type=media_type)
        del self.headers["content-length"]
        self._pieces, self._allowed = pieces, allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        pump = asyncio.create_task(self._pump(scope, send), name="stream")
        gone = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait((pump, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            pump.cancel()
            gone.cancel()
            ended, _ = await asyncio.gather(pump, gone, return_exceptions=True)
            await self._pieces.aclose()
        if isinstance(ended, Exception):
            raise ended

    async def _pump(self, scope: Scope, send: Send) -> None:
        connection = scope.get("state", {}).get("connection")
        if connection is not None:
            connection.stream()
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        if scope["method"] != "HEAD":
            async for piece in self._pieces:
                if not self._allowed():
                    break
                if connection is not None:
                    connection.allow(PATIENCE)
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
