"""The cameras as the pages see them (being written)."""

from __future__ import annotations

import asyncio

from edgefer.outputs import WebConfig


class Live:
    """Hub."""

    def __init__(self, config: WebConfig) -> None:
        self.config = config

    async def keep(self) -> None:
        """History, until cancelled."""
        await asyncio.Event().wait()
