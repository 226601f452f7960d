"""The bench itself: does it report what was injected, and can it tell 10 % from nothing?

    python -m benchmarks.calibration [--repeats 20] [--rounds 5] [--frames 200]

Six minutes, on a machine with nothing else to do. Real engines in real processes: for each repeat
the packaged model is measured alone three times by the bench's own protocol, twice as it is, and
once slowed to 0.9 of its rate by a busy wait of a ninth of each call. The first two must compare as
"no significant difference", the first and the third as "slower". Where other work keeps the
processors busy no rate can tell 10 %, and the bench says so; the processor time of a face may.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence

from benchmarks.claims import Claim, report
from edgefer.bench import child
from edgefer.bench.compare import Pair, pair_of, verdict
from edgefer.bench.gate import Examined
from edgefer.bench.measure import summary
from edgefer.bench.measurement import Measurement
from edgefer.bench.rounds import Job
from edgefer.config import Config


def run(job: Job, examined: Examined, count: int, slowed: bool = False) -> Measurement:
    """One run of the bench with one engine."""
    module = "benchmarks.slowed" if slowed else child.ROUNDS
    watched = [child.measure_round(job, lambda _: None, module) for _ in range(count)]
    return summary(job, examined, watched)


def main(repeats: int = 20, count: int = 5, frames: int = 200) -> None:
    job = Job(Config(), "", 0, 50, frames, mode="engine")
    examined = child.examine(job, ())
    same, slower = [], []
    stable, others = 0, []
    for n in range(repeats):
        first, again = (run(job, examined, count) for _ in range(2))
        slow = run(job, examined, count, slowed=True)
        same.append(pair_of(first, again))
        slower.append(pair_of(first, slow))
        stable += sum(m.stability.stable for m in (first, again))
        others += [m.others_percent or 0.0 for m in (first, again, slow)]
        print(f"{n + 1}: the same {_told(same[-1])}; slowed {_told(slower[-1])}",
              file=sys.stderr, flush=True)  # fmt: skip
    how = (
        f"lightweight.onnx, one face a call, {repeats} repeats of {count} rounds of {frames} "
        f"calls; {stable} of {2 * repeats} runs called stable, others took "
        f"{statistics.median(others):.0f} % of the processors (median); same against same differs "
        f"by {_middle(abs(pair.rate.ratio - 1) for pair in same):.1%} (median), slowed is "
        f"{_middle(pair.rate.ratio for pair in slower):.3f} of it"
    )
    report(
        "calibration",
        _claim("the same twice, by its rate: no difference", same, how,
               lambda pair: not pair.rate.significant),
        _claim("slowed by a tenth, by its rate: slower", slower, how,
               lambda pair: pair.rate.high < 1),
        _claim("the same twice, by processor time: no difference", same, how,
               lambda pair: pair.cpu is not None and not pair.cpu.significant),
        _claim("slowed by a tenth, by processor time: dearer", slower, how,
               lambda pair: pair.cpu is not None and pair.cpu.high < 1),
    )  # fmt: skip


def _told(pair: Pair) -> str:
    cpu = "unknown" if pair.cpu is None else verdict(pair.cpu, "dearer", "cheaper")
    return f"{pair.rate.ratio:.3f}, {pair.verdict}, by processor time {cpu}"


def _middle(values: Iterable[float]) -> float:
    return statistics.median(list(values))


def _claim(name: str, pairs: Sequence[Pair], how: str, said: Callable[[Pair], bool]) -> Claim:
    share = sum(map(said, pairs)) / len(pairs)
    return Claim(f"{name}, share of {len(pairs)} repeats", ">= 0.95", "", (share,), how)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5, dest="count")
    parser.add_argument("--frames", type=int, default=200)
    main(**vars(parser.parse_args()))
