"""What Prometheus is told. `text` is the page; who serves it is not decided here.

    edgefer_stage_seconds{camera, stage}       histogram; capture, detection, classification
    edgefer_frame_age_seconds{camera}          histogram; capture to publication
    edgefer_frames_total{camera, look}         look: detect, follow or still (following.py)
    edgefer_faces_total{camera}
    edgefer_frames_dropped_total{camera, reason}
    edgefer_reconnects_total{camera}, edgefer_restarts_total{part}
    edgefer_events_dropped_total{sink, reason}
    edgefer_part_state{part, state}            1 for the state it is in, 0 for the others
    edgefer_engine_info{...}                   always 1; the labels say which engine
    edgefer_temperature_celsius{zone}, edgefer_power_watts{rail}   absent where unreadable
    process_*                                  memory, file descriptors, CPU of this process

Detection counts frames that were searched, classification those that had a face, as everywhere
in edgefer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import get_args

from edgefer.data import Look, Reading
from edgefer.errors import NotInstalled
from edgefer.health import STATES, Health
from edgefer.sensors import SYS, powers, temperatures

try:
    from prometheus_client import (
        CollectorRegistry,
        Counter,
        Gauge,
        Histogram,
        ProcessCollector,
        generate_latest,
    )
    from prometheus_client.core import GaugeMetricFamily, Metric
    from prometheus_client.registry import Collector
except ModuleNotFoundError as exc:
    raise NotInstalled(
        "metrics need prometheus-client: pip install 'edgefer[daemon]', or for pages 'edgefer[web]'"
    ) from exc

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56)
"""Seconds. From a fast stage on a PC to the slowest network on a Nano; at 30 FPS a frame that is
older than 0.04 is late."""


class Metrics:
    """One page for all cameras of a daemon. Any thread may call any method."""

    def __init__(self, health: Health | None = None, *, sys: Path = SYS) -> None:
        self._registry = registry = CollectorRegistry()
        self._stage = Histogram(
            "edgefer_stage_seconds",
            "Seconds a frame spent in a stage",
            ["camera", "stage"],
            buckets=BUCKETS,
            registry=registry,
        )
        self._age = Histogram(
            "edgefer_frame_age_seconds",
            "Seconds from a frame's capture to its publication",
            ["camera"],
            buckets=BUCKETS,
            registry=registry,
        )

        def counter(name: str, doc: str, *labels: str) -> Counter:
            return Counter(f"edgefer_{name}", doc, labels, registry=registry)

        self._frames = counter("frames_total", "Frames published", "camera", "look")
        self._faces = counter("faces_total", "Faces classified", "camera")
        self._dropped = counter(
            "frames_dropped_total", "Frames lost, by reason", "camera", "reason"
        )
        self._reconnects = counter("reconnects_total", "Cameras found again", "camera")
        self._restarts = counter("restarts_total", "Parts started again", "part")
        self._events = counter("events_dropped_total", "Messages lost, by reason", "sink", "reason")
        self._engine: Gauge | None = None
        ProcessCollector(registry=registry)
        registry.register(_AtScrape(lambda: _sensors(sys)))
        if health is not None:
            registry.register(_AtScrape(lambda: _parts(health)))

    def camera(self, name: str) -> None:
        """From now on this camera is on the page, with nothing counted yet."""
        for stage in ("capture", "detection", "classification"):
            self._stage.labels(name, stage)
        for look in get_args(Look):
            self._frames.labels(name, look)
        for metric in (self._age, self._faces, self._reconnects):
            metric.labels(name)

    def read(self, camera: str, reading: Reading) -> None:
        """Count one reading."""
        times = reading.times
        self._stage.labels(camera, "capture").observe(times.capture)
        if reading.look == "detect":
            self._stage.labels(camera, "detection").observe(times.detection)
        if reading.faces:
            self._stage.labels(camera, "classification").observe(times.classification)
        self._age.labels(camera).observe(reading.age)
        self._frames.labels(camera, reading.look).inc()
        self._faces.labels(camera).inc(len(reading.faces))

    def frames_dropped(self, camera: str, reason: str, count: int = 1) -> None:
        self._dropped.labels(camera, reason).inc(count)

    def reconnected(self, camera: str) -> None:
        self._reconnects.labels(camera).inc()

    def restarted(self, part: str) -> None:
        self._restarts.labels(part).inc()

    def event_dropped(self, sink: str, reason: str) -> None:
        self._events.labels(sink, reason).inc()

    def engine(self, told: Mapping[str, str]) -> None:
        """Which engine runs now, such as {"model": ..., "runtime": ..., "sha256": ...}; the
        one before, as after a reload, is off the page. Same keys or others: both are fine."""
        if self._engine is not None:
            self._registry.unregister(self._engine)
        self._engine = Gauge(
            "edgefer_engine_info", "The engine that classifies", list(told), registry=self._registry
        )
        self._engine.labels(**told).set(1)

    def text(self) -> bytes:
        """The page, CONTENT_TYPE."""
        return generate_latest(self._registry)


class _AtScrape(Collector):
    """Values that are looked up when somebody asks."""

    def __init__(self, families: Callable[[], Iterable[Metric]]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families()


def _sensors(sys: Path) -> Iterable[Metric]:
    heat = GaugeMetricFamily(
        "edgefer_temperature_celsius", "Of each thermal zone that can be read", labels=["zone"]
    )
    for zone, degrees in temperatures(sys).items():
        heat.add_metric([zone], degrees)
    power = GaugeMetricFamily(
        "edgefer_power_watts", "Of each rail that can be read", labels=["rail"]
    )
    for rail, watts in powers(sys).items():
        power.add_metric([rail], watts)
    return [family for family in (heat, power) if family.samples]


def _parts(health: Health) -> Iterable[Metric]:
    family = GaugeMetricFamily(
        "edgefer_part_state", "1 for the state a part is in", labels=["part", "state"]
    )
    for part in health.parts:
        now = part.standing.state
        for state in STATES:
            family.add_metric([part.name, state], float(state == now))
    return [family]
