"""How the machine itself fared over the rounds of one engine: power, heat, clocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from edgefer.bench.sampling import Sampled


@dataclass(frozen=True, slots=True)
class Vitals:
    """Over all rounds; None is what this machine does not show."""

    watts: float | None
    """Mean of the whole board, module or package that `watts_of` names."""
    watts_of: str | None
    inferences_per_joule: float | None
    """Faces, over the rounds whose energy is known."""
    degrees_start: float | None
    """Celsius of the zone that became the hottest, when the first round began to count."""
    degrees_end: float | None
    """And when the last round ended."""
    mhz: float | None
    """Mean of the fastest group of cores."""
    throttling: tuple[str, ...] | None
    """What slowed the machine, in words; () where there are signs and none showed."""
    power_mode: str | None
    """nvpmodel's."""

    @property
    def known(self) -> bool:
        """Whether anything of power, heat or clocks is."""
        shown = (self.watts, self.degrees_start, self.mhz, self.throttling, self.power_mode)
        return any(value is not None for value in shown)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Vitals:  # Any: whatever JSON holds
        signs = fields["throttling"]
        return cls(**{**fields, "throttling": None if signs is None else tuple(signs)})


def vitals_of(samples: Sequence[Sampled], faces: Sequence[int]) -> Vitals:
    """Of one sample a round, and the faces of each."""
    watts = [sample.watts for sample in samples if sample.watts is not None]
    energy = [(n, s.joules) for n, s in zip(faces, samples, strict=True) if s.joules]
    hottest = [found[1] for sample in samples if (found := sample.hottest())]
    clocks = [max(course.mean for course in s.mhz.values()) for s in samples if s.mhz]
    signs = [sample.throttling for sample in samples if sample.throttling is not None]
    return Vitals(
        watts=fmean(watts) if watts else None,
        watts_of=next((sample.watts_of for sample in samples if sample.watts_of), None),
        inferences_per_joule=(
            sum(n for n, _ in energy) / sum(joules for _, joules in energy) if energy else None
        ),
        degrees_start=hottest[0].start if hottest else None,
        degrees_end=hottest[-1].end if hottest else None,
        mhz=fmean(clocks) if clocks else None,
        throttling=tuple(sorted({word for one in signs for word in one})) if signs else None,
        power_mode=next((sample.power_mode for sample in samples if sample.power_mode), None),
    )
