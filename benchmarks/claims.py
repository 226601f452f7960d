"""A claim with a goal, what was measured for it, and the file that keeps both."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from edgefer.bench.provenance import command_line, environment
from edgefer.files import replacing
from edgefer.timing import percentile

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Claim:
    """One ratio (or cost) and the goal it is held against."""

    name: str
    goal: str
    """Such as ">= 1.85" or "<= 5": a comparison with `median`."""
    unit: str
    values: tuple[float, ...]
    """One per round."""
    how: str
    """What was run, how often, with what discarded."""

    @property
    def median(self) -> float:
        return percentile(self.values, 50)

    @property
    def met(self) -> bool:
        sign, bound = self.goal.split()
        return self.median >= float(bound) if sign == ">=" else self.median <= float(bound)


def in_turns(cases: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, tuple[float, ...]]:
    """Every case once a round, A B C A B C, so that a drifting machine drifts for all of them;
    one whole round before is discarded."""
    found: dict[str, list[float]] = {name: [] for name in cases}
    for n in range(rounds + 1):
        for name, case in cases.items():
            value = case()
            if n:
                found[name].append(value)
    return {name: tuple(values) for name, values in found.items()}


def report(benchmark: str, *claims: Claim, **beside: object) -> None:
    """Print the claims and keep them with their provenance in `results/BENCHMARK.json`, and
    `beside` them what a curve is drawn from."""
    record = {
        "schema": "edgefer.claims/1",
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "argv": command_line(),
        "environment": environment(),
        "claims": [
            {**dataclasses.asdict(claim), "median": claim.median, "met": claim.met}
            for claim in claims
        ],
        **beside,
    }
    with replacing(RESULTS / f"{benchmark}.json") as file:
        file.write(json.dumps(record, indent=2).encode() + b"\n")
    for claim in claims:
        spread = f"{min(claim.values):.3f} to {max(claim.values):.3f}"
        verdict = "met" if claim.met else "MISSED"
        print(f"{claim.name}: {claim.median:.3f} {claim.unit} ({spread}, n = "
              f"{len(claim.values)}), goal {claim.goal}: {verdict}")  # fmt: skip
