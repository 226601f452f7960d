from __future__ import annotations

import dataclasses

import pytest

from edgefer.bench.course import Course
from edgefer.bench.sampling import Sampled, Sampler
from edgefer.bench.vitals import vitals_of


def sampled(**changed: object) -> Sampled:
    """Of a machine that shows nothing else than `changed`."""
    with Sampler() as sampler:
        pass
    blind: dict[str, object] = {
        "degrees": {}, "watts": None, "watts_of": None, "joules": None, "mhz": {},
        "throttling": None, "power_mode": None,
    }  # fmt: skip
    return dataclasses.replace(sampler.sampled, **(blind | changed))  # type: ignore[arg-type]


def flat(value: float) -> Course:
    return Course(value, value, value, value, value)


def test_a_machine_that_shows_nothing_has_no_vitals() -> None:
    found = vitals_of([sampled(), sampled()], [10, 10])
    assert not found.known
    assert set(dataclasses.astuple(found)) == {None}


def test_inferences_a_joule_are_of_the_rounds_whose_energy_is_known() -> None:
    rounds = [sampled(joules=10.0, watts=5.0, watts_of="VDD_IN"), sampled(),
              sampled(joules=30.0, watts=7.0, watts_of="VDD_IN")]  # fmt: skip
    found = vitals_of(rounds, [100, 1000, 100])
    assert found.inferences_per_joule == pytest.approx(200 / 40)
    assert (found.watts, found.watts_of) == (6.0, "VDD_IN")


def test_degrees_are_the_first_rounds_start_and_the_last_ones_end() -> None:
    first = sampled(degrees={"cpu": Course(40.0, 50.0, 40.0, 50.0, 45.0), "board": flat(30.0)})
    last = sampled(degrees={"cpu": Course(48.0, 61.5, 48.0, 62.0, 55.0), "board": flat(31.0)})
    found = vitals_of([first, last], [1, 1])
    assert (found.degrees_start, found.degrees_end) == (40.0, 61.5)


def test_clocks_are_those_of_the_fastest_cores_and_every_sign_of_throttling_is_kept() -> None:
    mhz = {"cpu0": flat(600.0), "cpu4": flat(1500.0)}
    rounds = [sampled(mhz=mhz, throttling=()), sampled(mhz=mhz, throttling=("too hot",))]
    found = vitals_of(rounds, [1, 1])
    assert (found.mhz, found.throttling) == (1500.0, ("too hot",))
    assert vitals_of(rounds[:1], [1]).throttling == ()
