"""Two results of `edgefer bench` side by side: is the second slower, or is it noise?

The unit is the round. Two runs of the same thing differ by more than their rounds show, as a run's
rounds follow one another and share what the machine did in those minutes: `BETWEEN`, and more
where other processes were busy. A difference must leave all that behind to be called one.
"""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from statistics import fmean

from edgefer.bench.measurement import Measurement
from edgefer.bench.remarks import wrapped
from edgefer.bench.report import Report
from edgefer.bench.statistics import ANY, ANY_MEANS, ENDLESS, Difference, difference
from edgefer.bench.unlike import conditions, machines
from edgefer.bench.verdict import MOST_OTHERS
from edgefer.errors import ConfigError
from edgefer.tables import markdown_table, number, text_table

BETWEEN = 0.015
"""Standard deviation of a run's mean rate from run to run, beyond what its rounds show. With it,
simulated runs whose rounds vary by 2 %, alike to 0.3 from one to the next, and whose level is off
by 1 %, differ "significantly" in 2 of 100 pairs; without it in 20 (tests/bench). Real engines:
`python -m benchmarks.calibration`."""
BETWEEN_CPU = 0.02
"""The same of the processor time of a frame. Of 66 rounds in a row, on two cores of which other
work took 40 to 80 %, pairs of five differ in 4 of 100 with it, in 21 without."""
OTHERS_SHARE = 0.5
"""How much of what other processes cost may differ between two runs. In the same 66 rounds the
rate fell by just what others took, and that went from 80 % to 33 % within ten minutes."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One engine in both results."""

    first: Measurement
    second: Measurement
    rate: Difference
    alone: Difference
    """Of the rate too, with what the rounds show and nothing for what other processes cost."""
    cpu: Difference | None
    """Of what one processor second does: 1 over the processor time of a frame. None where that is
    unknown."""

    @property
    def verdict(self) -> str:
        """Of the second result's rate."""
        busy = max(m.cost_percent for m in (self.first, self.second)) > MOST_OTHERS
        hidden = self.alone.significant or self.rate.high > ENDLESS
        if busy and hidden and not self.rate.significant:
            return "cannot tell: other work kept the processors busy"
        return verdict(self.rate, "slower", "faster")


@dataclass(frozen=True, slots=True)
class Comparison:
    """All engines that both results have."""

    names: tuple[str, str]
    pairs: tuple[Pair, ...]
    unlike: tuple[str, ...]
    """What differs in the machine or the conditions, in words; () where nothing does."""
    alone: tuple[str, ...]
    """Engines that only one result has."""


def verdict(found: Difference, less: str, more: str) -> str:
    """A difference in words."""
    if not found.significant:
        return "no significant difference"
    return less if found.ratio < 1 else more


def compare(
    names: tuple[str, str], first: Report, second: Report, force: bool = False
) -> Comparison:
    """Raises ConfigError where the results are of unlike machines or conditions, unless forced,
    and where they have no engine in common."""
    a, b = ({m.engine: m for m in report.engines} for report in (first, second))
    common = [(a[name], b[name]) for name in a if name in b]
    if not common and len(a) == len(b) == 1:
        common = [(first.first, second.first)]  # two files for two engines: these are meant
    if not common:
        raise ConfigError(
            f"{names[0]} has {', '.join(a)}, {names[1]} has {', '.join(b)}: none in common, "
            "nothing to compare"
        )
    unlike = (*machines(first.environment, second.environment), *conditions(common))
    if unlike and not force:
        raise ConfigError(
            f"{names[0]} and {names[1]} are unlike: {'; '.join(unlike)}. What differs between "
            "them is not the engine alone. Measure both alike, or give --force"
        )
    paired = {m.engine for pair in common for m in pair}
    alone = tuple(name for name in dict.fromkeys([*a, *b]) if name not in paired)
    return Comparison(names, tuple(pair_of(*pair) for pair in common), unlike, alone)


def pair_of(first: Measurement, second: Measurement) -> Pair:
    """Of one engine, measured twice under like conditions."""
    cost = max(m.cost_percent for m in (first, second)) / 100
    others = OTHERS_SHARE * cost / max(0.05, 1 - cost)
    rate, alone = (
        difference(first.rates, second.rates, math.hypot(BETWEEN, more)) for more in (others, 0.0)
    )
    costs = [_costs(m) for m in (first, second)]
    cpu = None
    if all(costs):
        a, b = ([1 / cost for cost in of] for of in costs)
        cpu = difference(a, b, BETWEEN_CPU)
    return Pair(first, second, rate, alone, cpu)


def _costs(m: Measurement) -> list[float]:
    """Processor milliseconds of a frame, one of each round; [] where a round has none."""
    costs = [one.cpu_ms for one in m.rounds if one.cpu_ms]
    return costs if len(costs) == len(m.rounds) else []


HEADER = ["engine", "A", "B", "change", "95 % interval", "g"]


def _rows(found: Comparison) -> list[tuple[list[str], str]]:
    rows = []
    for pair in found.pairs:
        names = dict.fromkeys(m.engine.removesuffix(".onnx") for m in (pair.first, pair.second))
        name = " : ".join(names)
        totals = [number(m.total_fps.mean) for m in (pair.first, pair.second)]
        rows.append(([name, *totals, *_change(pair.rate)], pair.verdict))
        if pair.cpu is not None:
            costs = [number(fmean(_costs(m)), 2) for m in (pair.first, pair.second)]
            words = verdict(pair.cpu, "dearer", "cheaper")
            rows.append((["  CPU ms a frame", *costs, *_change(_inverse(pair.cpu))], words))
    return rows


def _inverse(speed: Difference) -> Difference:
    """Of costs, from that of speeds."""
    return Difference(
        1 / speed.ratio, 1 / speed.high, 1 / speed.low if speed.low else math.inf, -speed.g
    )


def _change(found: Difference) -> list[str]:
    if found.low != found.low:  # one round cannot tell
        return [f"{found.ratio - 1:+.1%}", "-", "-"]
    if found.high > ENDLESS:
        return [f"{found.ratio - 1:+.1%}", ANY, number(found.g)]
    between = f"{found.low - 1:+.1%} to {found.high - 1:+.1%}"
    return [f"{found.ratio - 1:+.1%}", between, number(found.g)]


def text(found: Comparison) -> str:
    """At most 80 columns."""
    rows = _rows(found)
    table = text_table(["total FPS", *HEADER[1:]], [[_cut(row[0]), *row[1:]] for row, _ in rows])
    words = wrapped(f"{row[0].strip()}: {verdict}" for row, verdict in rows)
    return f"{table}\n\n{words}\n\n{wrapped(_notes(found))}"


def markdown(found: Comparison) -> str:
    """One table and its notes."""
    rows = [[row[0].strip(), *row[1:], verdict] for row, verdict in _rows(found)]
    notes = "\n".join(f"- {line}" for line in _notes(found))
    return f"{markdown_table([*HEADER, 'verdict'], rows)}\n\n{notes}"


def table_csv(found: Comparison) -> str:
    """One line for each engine."""
    file = io.StringIO()
    out = csv.writer(file, lineterminator="\n")
    out.writerow(["engine_a", "engine_b", "fps_a", "fps_b", "ratio", "low", "high", "hedges_g",
                  "verdict", "cpu_ms_ratio", "cpu_ms_low", "cpu_ms_high"])  # fmt: skip
    for pair in found.pairs:
        rate = pair.rate
        cost = None if pair.cpu is None else _inverse(pair.cpu)
        cpu = ["", "", ""] if cost is None else [cost.ratio, cost.low, cost.high]
        row = [pair.first.engine, pair.second.engine, pair.first.total_fps.mean,
               pair.second.total_fps.mean, rate.ratio, rate.low, rate.high, rate.g,
               pair.verdict, *cpu]  # fmt: skip
        out.writerow(["" if value != value else value for value in row])
    return file.getvalue()


def _cut(name: str) -> str:
    return name if len(name) <= 24 else name[:23] + "…"


def _notes(found: Comparison) -> list[str]:
    lines = [f"A: {found.names[0]}, B: {found.names[1]}"]
    for letter, of in (("A", 0), ("B", 1)):
        for pair in found.pairs:
            m = (pair.first, pair.second)[of]
            if not m.stability.stable:
                lines.append(f"{letter}, {m.engine}: {m.stability}")
            if m.gate.passed is False:
                lines.append(f"{letter}, {m.engine}: its answers are wrong: {m.gate.why}")
    lines += [f"unlike, compared by force: {what}" for what in found.unlike]
    if found.alone:
        lines.append(f"in one of them only: {', '.join(found.alone)}")
    rounds = " and ".join(str(len(m.rounds)) for m in (found.pairs[0].first, found.pairs[0].second))
    lines.append(
        f"Welch's t over {rounds} rounds, the independent units; g: Hedges', in standard "
        "deviations of a round"
    )
    if any(row[HEADER.index("95 % interval")] == ANY for row, _ in _rows(found)):
        lines.append(ANY_MEANS)
    return lines
