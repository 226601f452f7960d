"""The protocol: engines take turns, A B C A B C, each turn in a process of its own."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edgefer.bench import child
from edgefer.bench.child import Watched
from edgefer.bench.gate import Examined
from edgefer.bench.measurement import Measurement, Round, Sustained
from edgefer.bench.progress import Left
from edgefer.bench.rounds import LOOKS, Job, Series
from edgefer.bench.statistics import rate_interval, spread
from edgefer.bench.verdict import beside_their_like, drift_within, judge
from edgefer.bench.vitals import vitals_of
from edgefer.config import PipelineConfig
from edgefer.engines import find_model
from edgefer.errors import EdgeferError
from edgefer.timing import ratio
from edgefer.workers import default_workers


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was measured, and what kept the others from it."""

    measurements: tuple[Measurement, ...]
    """In the order of the jobs, without those that failed."""
    errors: tuple[EdgeferError, ...]


Told = Callable[[str, float | None], None]
"""Takes what is being done, and the seconds until the end; None where they are unknown."""


def measure(jobs: Sequence[Job], rounds: int, sustain: float, told: Told) -> Outcome:
    """Every job once a round; then, where `sustain` is above 0, each once more for so many
    seconds. An engine that fails is left out from then on."""
    models = tuple(job.config.engine.model for job in jobs)
    files = tuple(str(find_model(model)) for model in models)
    examined: dict[int, Examined] = {}
    watched: dict[int, list[Watched]] = {n: [] for n in range(len(jobs))}
    lasting: dict[int, Watched] = {}
    errors: dict[int, EdgeferError] = {}

    def each(turn: Callable[[int, Job], None]) -> None:
        for n, job in enumerate(jobs):
            if n not in errors:
                try:
                    turn(n, job)
                except EdgeferError as exc:
                    errors[n] = exc

    def examine(n: int, job: Job) -> None:
        told(f"examining {models[n]}", None)
        examined[n] = child.examine(job, files)

    each(examine)
    if len(errors) == len(jobs):
        raise errors[0]
    measured = len(jobs) - len(errors)
    left = Left(measured * rounds, measured if sustain else 0, sustain)

    def watch(what: str, job: Job) -> Watched:
        told(what, left.begin())
        return child.measure_round(job, lambda share: told(what, left.at(share)))

    def one(n: int, job: Job) -> None:
        what = f"{models[n]}, round {len(watched[n]) + 1} of {rounds}"
        watched[n].append(watch(what, job))

    def sustained(n: int, job: Job) -> None:
        long = dataclasses.replace(job, seconds=sustain)
        lasting[n] = watch(f"{models[n]}, sustained", long)

    for _ in range(rounds):
        each(one)
    if sustain:
        each(sustained)
    told("done", 0.0)
    return Outcome(
        tuple(
            summary(jobs[n], examined[n], watched[n], lasting.get(n))
            for n in range(len(jobs))
            if n not in errors
        ),
        tuple(errors[n] for n in sorted(errors)),
    )


def summary(
    job: Job, examined: Examined, watched: Sequence[Watched], lasting: Watched | None = None
) -> Measurement:
    """One row: all rounds of one engine."""
    series = [one.series for one in watched]
    first = series[0]
    rounds = tuple(round_of(one, job) for one in watched)
    unlike = [
        seconds for one in series for seconds in beside_their_like(_whole(one, job), one.likes)
    ]
    serial = _pooled(series, "serial")
    total = rate_interval([one.total_fps for one in rounds])
    ceiling = math.nan if job.mode == "engine" or job.paced else _ceiling(series, serial)
    others, lost = (
        _mean([getattr(one, name) for one in watched])
        for name in ("others_percent", "lost_percent")
    )
    piped = job.mode == "pipeline"
    searching = job.config.pipeline if piped else PipelineConfig()
    looks = Counter(look for one in series if piped for look in one.looks)
    verdict = judge(
        [one.total_fps for one in rounds],
        [drift_within(beside_their_like(_work(one), one.likes)) for one in series],
        unlike,
        others,
        all(one.settled is not False for one in series),
        sorted({word for one in watched for word in one.sampled.throttling or ()}),
        lost,
    )
    return Measurement(
        **{f.name: getattr(examined, f.name) for f in dataclasses.fields(examined)},
        mode=job.mode,
        paced=job.paced,
        batch=job.batch if job.mode == "engine" else 0,
        detector=first.detector,
        workers=first.workers,
        threads=job.config.engine.threads,
        clip_sha256=first.clip_sha256,
        frames=sum(one.frames for one in rounds),
        faces=sum(one.faces for one in series),
        dropped=sum(one.dropped for one in series),
        detect_every=searching.detect_every,
        still=searching.still,
        deadline=searching.deadline if job.paced else 0.0,
        looks={look: looks[look] for look in LOOKS},
        total_fps=total,
        detection_fps=_pooled(series, "detection"),
        classification_fps=_pooled(series, "classification"),
        serial_fps=serial,
        overlap=ratio(total.mean, serial),
        ceiling_fps=ceiling,
        efficiency=ratio(total.mean, ceiling),
        latency_ms={
            name: spread([value for one in series for value in values(one)])
            for name, values in STAGES.items()
            if piped or name == "classification"
        },
        peak_rss_bytes=_peak(watched),
        cpu_percent=_mean([one.sampled.cpu_percent for one in watched]),
        others_percent=others,
        vitals=vitals_of([one.sampled for one in watched], [one.series.faces for one in watched]),
        verdict=verdict.reasons,
        rounds=rounds,
        sustained=None if lasting is None else _sustained(lasting, job),
        lost_percent=lost,
    )


STAGES: dict[str, Callable[[Series], Sequence[float]]] = {
    "capture": lambda one: one.capture,
    "detection": lambda one: [seconds for seconds in one.detection if seconds > 0],
    "classification": lambda one: [seconds for seconds in one.classification if seconds > 0],
    "age": lambda one: one.age,
}
"""Seconds of each frame; detection counts frames that were searched, classification those that had
a face."""


def round_of(one: Watched, job: Job) -> Round:
    """The figures of one round."""
    series = one.series
    seconds = series.published[-1]
    frames = len(series.published)
    sampled = one.sampled
    busy = None if sampled.cpu_percent is None else sampled.cpu_percent / 100 * seconds
    return Round(
        warmup=series.warmup,
        settled=series.settled,
        frames=frames,
        seconds=seconds,
        total_fps=frames * _faces_a_call(job) / seconds,
        detection_fps=_pooled([series], "detection"),
        classification_fps=_pooled([series], "classification"),
        p50_ms=spread(_whole(series, job)).p50,
        cpu_ms=None if not busy else 1000 * busy / frames / _faces_a_call(job),
        others_percent=one.others_percent,
        sample=sampled.as_record(),
        lost_percent=one.lost_percent,
    )


def _faces_a_call(job: Job) -> int:
    """In the mode "engine" a rate counts faces, in the pipeline frames."""
    return job.batch if job.mode == "engine" else 1


def _work(series: Series) -> Sequence[float]:
    """Seconds that the stages spent on each frame."""
    return [a + b for a, b in zip(series.detection, series.classification, strict=True)]


def _whole(series: Series, job: Job) -> Sequence[float]:
    """Seconds of each frame from beginning to end."""
    return series.classification if job.mode == "engine" else series.age


def _pooled(series: Sequence[Series], stage: str) -> float:
    """Frames a second of one stage, or of one loop over all three: frames / seconds in it."""
    classified = [s for one in series for s in one.classification if s > 0]
    detection = [s for one in series for s in one.detection if s > 0]
    capture = [s for one in series for s in one.capture]
    match stage:
        case "classification":
            return ratio(len(classified), sum(classified))
        case "detection":
            return ratio(len(detection), sum(detection))
    return ratio(len(capture), sum(capture) + sum(detection) + sum(classified))


def _ceiling(series: Sequence[Series], serial: float) -> float:
    """The best total that these stage times allow: no stage that owns a device is entered
    twice at once, and no more cores work than there are."""
    first = series[0]
    cores = min(first.workers, default_workers())
    detecting, classifying = first.exclusive
    n = sum(len(one.age) for one in series)
    exclusive = [sum(sum(one.capture) for one in series)]
    exclusive += [sum(sum(one.detection) for one in series)] if detecting else []
    exclusive += [sum(sum(one.classification) for one in series)] if classifying else []
    return min(ratio(n, max(exclusive)), cores * serial)


def _peak(watched: Sequence[Watched]) -> int | None:
    """Of the process and what it started, without the clip it holds."""
    peaks = [
        one.sampled.peak_rss_bytes - one.series.clip_bytes
        for one in watched
        if one.sampled.peak_rss_bytes is not None
    ]
    return max(peaks, default=None)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _sustained(one: Watched, job: Job) -> Sustained:
    """The first tenth against the last: of ten minutes, minute 1 against minute 10."""
    published = np.asarray(one.series.published)
    tenth = float(published[-1]) / 10
    first = int((published <= tenth).sum())
    last = int((published > published[-1] - tenth).sum())
    return Sustained(
        seconds=float(published[-1]),
        first_fps=first * _faces_a_call(job) / tenth,
        last_fps=last * _faces_a_call(job) / tenth,
        sample=one.sampled.as_record(),
    )
