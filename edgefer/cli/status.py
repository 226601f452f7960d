"""What `edgefer run` shows: one line on the terminal, rewritten, and a summary at the end."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections import Counter
from contextlib import suppress

from edgefer.data import Look, Reading
from edgefer.protocols import Source
from edgefer.sources.live import LiveSource
from edgefer.tables import counted, number, text_table
from edgefer.timing import Tally, clock

CLEAR = "\r\x1b[K"
"""Back to the line's beginning, and the line empty."""

REFRESH = 0.2
"""Seconds between two status lines."""

RECENT = 100
"""Frames that the status line's rates look back on."""

KEPT = 100_000
"""Frames that the summary's rates and percentiles look back on at most."""


class Status:
    """What a run shows: one line on the terminal, rewritten, and a summary at the end."""

    def __init__(self, source: Source, *, shown: bool) -> None:
        self._camera = source if isinstance(source, LiveSource) else None
        self._last: Reading | None = None
        self._recent, self._whole, self._seen = Tally(RECENT), Tally(KEPT), Counter[str]()
        self.looks = Counter[Look]()
        self._began = clock()
        self._shown = shown

    def add(self, reading: Reading) -> None:
        """The next line tells of this one."""
        self._last = reading
        self._recent.add(reading)
        self._whole.add(reading)
        self._seen.update(label for label, _ in reading.shown)

    async def __aenter__(self) -> Status:
        self._began = clock()
        self._task = asyncio.create_task(self._refresh(), name="status line")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        if self._shown:
            print(CLEAR, end="", file=sys.stderr, flush=True)

    async def _refresh(self) -> None:
        while self._shown:
            line = self.line(shutil.get_terminal_size().columns - 1)
            print(CLEAR + line, end="", file=sys.stderr, flush=True)
            await asyncio.sleep(REFRESH)

    def line(self, columns: int) -> str:
        """What to show now; what does not fit is cut and marked."""
        if self._camera is not None and self._camera.state != "live":
            text = f"{self._camera.state}: {self._camera.reason or self._camera.name}"
            return text if len(text) <= columns else text[: columns - 1] + "…"
        if self._last is None:
            return "starting"
        rates = self._recent.rates()
        text = (
            f"total {number(rates.total, 0)}  class {number(rates.classification, 0)}  "
            f"detect {number(rates.detection, 0)} FPS | drops {self._recent.dropped} | "
            f"age {self._last.age * 1000:.0f} ms |"
        )
        complaint = self._camera.complaint if self._camera is not None else ""
        faces = [f" {label} {probability:.0%}" for label, probability in self._last.shown]
        faces = faces or [f" {complaint or 'no face'}"]
        while faces and len(text) + len(faces[0]) + len(" +99") <= columns:
            text += faces.pop(0)
        return text + (f" +{len(faces)}" if faces else "")

    def summary(self, url: str) -> str:
        """The counts, rates and latencies of the run so far."""
        tally, wall = self._whole, (self._last.published if self._last else 0.0) - self._began
        if self._last is None:
            return f"no frame came from {url}"
        rates, spread = tally.rates(wall), tally.percentiles()

        def row(name: str, fps: float | None, stage: str = "") -> list[str]:
            values = [spread[stage][p] for p in ("p50", "p95", "p99")] if stage else [None] * 3
            return [name, number(fps), *(number(v) for v in values)]

        table = text_table(
            ["", "FPS", "p50 ms", "p95 ms", "p99 ms"],
            [
                row("total", rates.total),
                row("detection", rates.detection, "detection"),
                row("classification", rates.classification, "classification"),
                row("serial-equivalent", rates.serial),
                row("frame age", None, "age"),
            ],
        )
        labels = ", ".join(f"{label} {n}" for label, n in self._seen.most_common()) or "none"
        skipped = self.looks["follow"] + self.looks["still"]
        searched = (
            f"\nnot searched for faces: {skipped / self.looks.total():.0%} of the frames "
            f"({self.looks['follow']:,} followed, {self.looks['still']:,} still)"
            if skipped
            else ""
        )
        return (
            f"{counted(tally.frames, 'frame')} with {counted(tally.faces, 'face')} from {url} "
            f"in {wall:.1f} s, {tally.dropped:,} dropped\n\n{table}\n\n"
            f"overlap {number(rates.overlap, 2)} (total / serial-equivalent)\n"
            f"expressions: {labels}{searched}"
        )
