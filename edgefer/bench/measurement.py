"""The records of a benchmark: what a JSON file of `edgefer bench` holds of each engine."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgefer.bench.gate import Examined, Gate
from edgefer.bench.others import cost_percent
from edgefer.bench.statistics import Interval, Spread
from edgefer.bench.verdict import Verdict
from edgefer.bench.vitals import Vitals


@dataclass(frozen=True, slots=True)
class Round:
    """One turn of one engine. Rates in frames a second; in the mode "engine", faces a second."""

    warmup: int
    settled: bool | None
    """Whether the rate stood still when counting began; None where that could not be told."""
    frames: int
    seconds: float
    total_fps: float
    detection_fps: float
    classification_fps: float
    p50_ms: float
    """Of a frame from beginning to end."""
    cpu_ms: float | None
    """Of all processors, for one frame (or one face)."""
    others_percent: float | None
    """Of the processors, for all other processes."""
    sample: dict[str, Any]
    """What was read of the machine meanwhile: `sampling.Sampled`."""
    lost_percent: float | None = None
    """Of what it would have done, lost to others at most; None where that is unknown, as in files
    that were written before it was read."""


@dataclass(frozen=True, slots=True)
class Sustained:
    """One long run: its first tenth against its last."""

    seconds: float
    first_fps: float
    last_fps: float
    sample: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Measurement(Examined):
    """One engine, over all rounds. Rates in frames a second (faces, in the mode "engine"),
    latencies in milliseconds; nan where a stage was not there."""

    mode: str
    paced: float
    batch: int
    """Faces in one call; 0 where it is as many as a frame has."""
    detector: str
    workers: int
    threads: int
    """Inside the runtimes, each."""
    clip_sha256: str
    frames: int
    faces: int
    dropped: int
    """Those older than the deadline among them."""
    detect_every: int
    """Frames from one search for faces to the next, as asked: 1 is every frame."""
    still: float
    """Share of the pixels up to which a picture was the same as before, as asked; 0: none was."""
    deadline: float
    """Seconds after which a frame was too old, as asked; 0: never."""
    looks: dict[str, int]
    """Frames that were searched ("detect"), followed ("follow"), and the same picture ("still")."""
    total_fps: Interval
    detection_fps: float
    classification_fps: float
    serial_fps: float
    overlap: float
    ceiling_fps: float
    efficiency: float
    latency_ms: dict[str, Spread]
    peak_rss_bytes: int | None
    """Of the process and all that it started, less the clip it holds."""
    cpu_percent: float | None
    """Of the same; 100 is one core, always busy."""
    others_percent: float | None
    vitals: Vitals
    verdict: tuple[str, ...]
    """Why it is unstable; () where it is stable."""
    rounds: tuple[Round, ...]
    sustained: Sustained | None = None
    lost_percent: float | None = None
    """The rounds' mean."""

    @property
    def stability(self) -> Verdict:
        return Verdict(self.verdict)

    @property
    def cost_percent(self) -> float:
        """By how much other processes may have slowed it."""
        return cost_percent(self.others_percent, self.lost_percent)

    @property
    def ranked(self) -> bool:
        """Not where its answers are wrong."""
        return self.gate.passed is not False

    @property
    def roof_share(self) -> float | None:
        """Of the roof that the engine reached, with one face in a call; None where the device's
        limits are unknown, and in the pipeline, whose classification is more than the engine."""
        if self.roof_ms is None or self.mode != "engine" or self.batch != 1:
            return None
        return self.roof_ms / self.latency_ms["classification"].p50

    @property
    def faces_per_frame(self) -> float:
        return self.faces / self.frames

    @property
    def searched_share(self) -> float:
        """Of the frames; nan in the mode "engine"."""
        searched = self.looks["detect"] if self.mode == "pipeline" else math.nan
        return searched / self.frames

    @property
    def power_mode(self) -> str | None:
        return self.vitals.power_mode

    @property
    def rates(self) -> tuple[float, ...]:
        """The total of each round."""
        return tuple(one.total_fps for one in self.rounds)

    def to_json(self) -> dict[str, Any]:
        """With what follows from the fields, for readers that are not this program."""
        return dataclasses.asdict(self) | {name: getattr(self, name) for name in DERIVED}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Measurement:
        """From what `without_nan` made of `to_json`. Raises NoResult where a figure cannot be;
        whatever Python raises where the fields are others."""
        values = _numbers(cls, {key: fields[key] for key in fields if key not in DERIVED})
        values["gate"] = Gate(**fields["gate"])
        total = Interval(**_numbers(Interval, fields["total_fps"]))
        if math.isnan(total.high) and not math.isnan(total.low):  # JSON has no inf either
            total = dataclasses.replace(total, high=math.inf)
        values["total_fps"] = total
        values["latency_ms"] = {
            stage: Spread(**_numbers(Spread, spread))
            for stage, spread in fields["latency_ms"].items()
        }
        values["vitals"] = Vitals.from_json(fields["vitals"])
        values["verdict"] = tuple(fields["verdict"])
        values["rounds"] = tuple(Round(**_numbers(Round, one)) for one in fields["rounds"])
        _check_rates(values["engine"], values["total_fps"], values["rounds"])
        if fields["sustained"] is not None:
            values["sustained"] = Sustained(**fields["sustained"])
        return cls(**values)


class NoResult(ValueError):
    """Why a file is no result, in words."""


DERIVED = ("faces_per_frame", "searched_share", "roof_share")


def _check_rates(engine: str, total: Interval, rounds: tuple[Round, ...]) -> None:
    """What is divided by, and taken the logarithm of."""
    if not rounds:
        raise NoResult(f"{engine} has no round")
    for rate in (total.mean, *(one.total_fps for one in rounds)):
        if not (math.isfinite(rate) and rate > 0):
            raise NoResult(f"a rate of {engine} is {rate:g}; it must be above 0 and finite")
    for one in rounds:
        if one.cpu_ms is not None and not (math.isfinite(one.cpu_ms) and one.cpu_ms >= 0):
            raise NoResult(f"a processor time of {engine} is {one.cpu_ms:g} ms; it must be finite "
                           "and not below 0")  # fmt: skip


_NUMBERS = ("int", "float", "int | None", "float | None")


def _numbers(kind: type, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The same, with nan for the null of a field that is always a number: JSON has no nan.
    Raises NoResult where a number is something else."""
    kinds = {field.name: field.type for field in dataclasses.fields(kind)}
    for key, value in fields.items():
        if kinds.get(key) in _NUMBERS and not isinstance(value, int | float | None):
            raise NoResult(f"{key} is {json.dumps(value)[:40]}, no number")
    return {
        key: math.nan if value is None and kinds[key] == "float" else value
        for key, value in fields.items()
    }


def without_nan(value: Any) -> Any:
    """The same JSON value with null where a figure could not be measured."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
