"""The last ten minutes, for charts."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

STEP = 2.0
"""Seconds between two points."""

KEPT = 300
"""Points: ten minutes."""


@dataclass(frozen=True, slots=True)
class Point:
    """What one camera did in STEP seconds. None and nan: nothing was measured."""

    total_fps: float | None
    detection_fps: float | None
    classification_fps: float | None
    serial_fps: float | None
    overlap: float | None
    age_ms: float | None
    """Median, from capture to publication."""
    dropped: int
    """Frames lost in these seconds."""


SERIES = tuple(field.name for field in fields(Point))


class History:
    """For one thread."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, Mapping[str, Point], float | None]] = deque(maxlen=KEPT)

    def add(self, now: float, cameras: Mapping[str, Point], temperature: float | None) -> None:
        """`now` is seconds since 1970."""
        self._points.append((now, cameras, temperature))

    def as_record(self) -> dict[str, Any]:
        """Lists of equal length, the oldest first; None where a camera was not there."""
        names = dict.fromkeys(name for _, cameras, _ in self._points for name in cameras)
        told: dict[str, dict[str, list[float | None]]] = {
            name: {key: [] for key in SERIES} for name in names
        }
        empty: dict[str, float | None] = dict.fromkeys(SERIES)
        for _, cameras, _ in self._points:
            for name, series in told.items():
                point = asdict(cameras[name]) if name in cameras else empty
                for key in SERIES:
                    value = point[key]
                    series[key].append(None if value is None else round(value, 2))
        return {
            "seconds": [round(now, 1) for now, _, _ in self._points],
            "cameras": told,
            "temperature": [degrees for _, _, degrees in self._points],
        }
