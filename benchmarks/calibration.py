"""The bench itself: can it tell 10 % from nothing?

    python -m benchmarks.calibration [--repeats 20] [--rounds 5] [--frames 200]     five minutes
    python -m benchmarks.calibration --model                                        six minutes

Both on a machine with nothing else to do. For each repeat an engine is measured alone three times
by the bench's own protocol, one run after the other, twice as it is, and once slowed to 0.9 of its
rate. The first two must compare as "no significant difference", the first and the third as
"slower". The cost is injected, a busy wait of a known time in real processes: what is found is the
bench's own noise. With --model it is the packaged model. That adds how the machine's own speed
drifts from one run to the next, as a virtual machine's does, and no bench that measures one engine
after the other can tell that from the engine. The processor time of a face may.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from benchmarks.claims import Claim, report
from edgefer.bench import child
from edgefer.bench.compare import Pair, pair_of, verdict
from edgefer.bench.gate import Examined
from edgefer.bench.measure import summary
from edgefer.bench.measurement import Measurement
from edgefer.bench.rounds import Job
from edgefer.bench.statistics import Difference
from edgefer.config import Config

Wanted = Callable[[Difference], bool]


def no_difference(found: Difference) -> bool:
    return not found.significant


def less(found: Difference) -> bool:
    return found.high < 1


def run(job: Job, examined: Examined, count: int, module: str) -> Measurement:
    """One run of the bench with one engine."""
    watched = [child.measure_round(job, lambda _: None, module) for _ in range(count)]
    return summary(job, examined, watched)


def main(repeats: int = 20, count: int = 5, frames: int = 200, model: bool = False) -> None:
    job = Job(Config(), "", 0, 50, frames, mode="engine")
    examined = child.examine(job, ())
    if not model:
        slowed = "benchmarks.injected_slowed"
        injected = calibrate(job, examined, repeats, count, "benchmarks.injected", slowed)
        report(
            "calibration",
            injected.claim("injected, the same twice: no difference", no_difference),
            injected.claim("injected, slowed by a tenth: slower", less),
        )
        return
    real = calibrate(job, examined, repeats, count, child.ROUNDS, "benchmarks.slowed")
    report(
        "calibration-model",
        real.claim("the model, the same twice: no difference", no_difference),
        real.claim("the model, slowed by a tenth: slower", less),
        real.claim("the model, the same twice, by processor time: no difference", no_difference,
                   cpu=True),
        real.claim("the model, slowed by a tenth, by processor time: dearer", less, cpu=True),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The repeats with one kind of engine."""

    same: Sequence[Pair]
    slower: Sequence[Pair]
    how: str

    def claim(self, name: str, wanted: Wanted, cpu: bool = False) -> Claim:
        """The share of repeats that said what they should."""
        pairs = self.slower if wanted is less else self.same
        found = [pair.cpu if cpu else pair.rate for pair in pairs]
        share = sum(one is not None and wanted(one) for one in found) / len(pairs)
        return Claim(f"{name}, share of {len(pairs)} repeats", ">= 0.95", "", (share,), self.how)


def calibrate(
    job: Job, examined: Examined, repeats: int, count: int, plain: str, slowed: str
) -> Calibrated:
    """Measured by two modules that answer as `edgefer.bench.rounds` does."""
    same, slower = [], []
    stable, others, lost = 0, [], []
    for n in range(repeats):
        first, again, slow = (
            run(job, examined, count, module) for module in (plain, plain, slowed)
        )
        same.append(pair_of(first, again))
        slower.append(pair_of(first, slow))
        stable += sum(m.stability.stable for m in (first, again))
        others += [m.others_percent or 0.0 for m in (first, again, slow)]
        lost += [m.lost_percent for m in (first, again, slow) if m.lost_percent is not None]
        print(f"{plain} {n + 1}: the same {_told(same[-1])}; slowed {_told(slower[-1])}",
              file=sys.stderr, flush=True)  # fmt: skip
    how = (
        f"{plain}, one face a call, {repeats} repeats of {count} rounds of {job.frames} calls; "
        f"{stable} of {2 * repeats} runs called stable, others took "
        f"{statistics.median(others):.0f} % of the processors (median){_lost(lost)}; same "
        f"against same differs by {_middle(abs(pair.rate.ratio - 1) for pair in same):.1%} "
        f"(median), slowed is {_middle(pair.rate.ratio for pair in slower):.3f} of it"
    )
    return Calibrated(same, slower, how)


def _lost(percent: Sequence[float]) -> str:
    """What others cost, in words; nothing where it is unknown."""
    return f" and made it lose {statistics.median(percent):.0f} % at most" if percent else ""


def _told(pair: Pair) -> str:
    cpu = "unknown" if pair.cpu is None else verdict(pair.cpu, "dearer", "cheaper")
    return f"{pair.rate.ratio:.3f}, {pair.verdict}, by processor time {cpu}"


def _middle(values: Iterable[float]) -> float:
    return statistics.median(list(values))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5, dest="count")
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--model", action="store_true")
    main(**vars(parser.parse_args()))
