"""What is read of the machine beside the frames, while a measurement runs.

Counters (processor time, energy, throttling) are read before and after, and so are exact. What
only shows its value of now (rails, temperatures, clocks) is read by a thread once a period; what
that costs is measured and told in `sampling_percent`.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgefer.bench.course import Course, Readings
from edgefer.sensors.clocks import cpu_clocks, gpu, gpu_load
from edgefer.sensors.files import PROC, SYS
from edgefer.sensors.heat import coolers, over_currents, temperatures, throttle_count
from edgefer.sensors.jetson import JetsonStats, power_mode
from edgefer.sensors.power import counters, input_rail, powers
from edgefer.sensors.processes import Usage, usage, waited_seconds
from edgefer.sensors.tegrastats import PROGRAM, Running
from edgefer.timing import clock

PERIOD = 1.0
"""Seconds between two readings."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """What was read. None, or an empty mapping, is what this machine does not show."""

    seconds: float
    samples: int
    sampling_percent: float
    """Of one core, which the readings themselves took; part of `cpu_percent` where the process
    samples itself."""
    cpu_percent: float | None
    """Of the process and all its children; 100 is one core, always busy."""
    processes: int | None
    """Alive at once, at most."""
    peak_rss_bytes: int | None
    """The processes' own peaks since they began, added up: see `processes.Usage`."""
    degrees: dict[str, Course]
    """Celsius by thermal zone."""
    watts: float | None
    """Mean of the whole board, module or package that `watts_of` names, idle parts included."""
    watts_of: str | None
    """The rail, or the counters: "VDD_IN", "RAPL package-0 + dram-0"."""
    joules: float | None
    rails: dict[str, Course]
    """Watts by rail; some are parts of others."""
    mhz: dict[str, Course]
    """By group of cores, and "gpu"."""
    gpu_load_percent: Course | None
    throttling: tuple[str, ...] | None
    """What slowed the machine meanwhile, in words; () where there are signs and none showed."""
    power_mode: str | None
    """nvpmodel's, such as "MAXN"."""
    waited_percent: float | None = None
    """Of the process and all its children, ready and without a processor; 100 is one thread that
    always waited."""

    def per_joule(self, inferences: int) -> float | None:
        """Inferences for a joule of the whole of `watts_of`; None where energy is unknown."""
        return inferences / self.joules if self.joules else None

    def hottest(self) -> tuple[str, Course] | None:
        """The zone that became the hottest."""
        return max(self.degrees.items(), key=lambda zone: zone[1].most, default=None)

    def as_record(self) -> dict[str, Any]:  # Any: whatever JSON holds
        """As JSON has it; null for what could not be read, never 0."""
        record = asdict(self)
        return {key: None if value == {} else value for key, value in record.items()}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Sampled:
        """What `as_record` wrote."""
        fields = dict(record)
        for key in ("degrees", "rails", "mhz"):
            fields[key] = {name: Course(**course) for name, course in (fields[key] or {}).items()}
        load, throttling = fields["gpu_load_percent"], fields["throttling"]
        fields["gpu_load_percent"] = None if load is None else Course(**load)
        fields["throttling"] = None if throttling is None else tuple(throttling)
        return cls(**fields)


class Sampler:
    """Reads between `with` and its end; `sampled` is then what it read.

    with Sampler() as sampler:
        ...
    sampler.sampled.watts

    `pid` is the process that is measured with its children; this one where it is not given. A
    parent that samples the child it waits for takes nothing of the child's interpreter.
    """

    def __init__(
        self, pid: int | None = None, period: float = PERIOD, sys: Path = SYS, proc: Path = PROC
    ) -> None:
        self._pid, self._period, self._sys, self._proc = pid, period, sys, proc
        self._power_mode = power_mode()  # a program: before anything is measured
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
        self._courses: dict[str, dict[str, Readings]] = {}
        self._coolers: dict[str, bool] = {}
        self._usage: list[tuple[float, Usage]] = []
        self._spent = 0.0
        self.samples = 0
        """Readings so far."""
        self._meter: Callable[[], dict[str, float]] = dict
        self._close: Callable[[], None] = lambda: None
        self._ours: tuple[int, ...] = ()
        self._counters = counters(sys)
        self._energy: list[int | None] = [None] * len(self._counters)
        self._joules = [0.0] * len(self._counters)
        self._events: dict[str, int | None] = {}
        self._began = 0.0
        self._result: Sampled | None = None

    @property
    def sampled(self) -> Sampled:
        """What was read; RuntimeError before the end."""
        if self._result is None:
            raise RuntimeError("a Sampler has read nothing before its with-block ends")
        return self._result

    def __enter__(self) -> Sampler:
        self._meter, self._close, self._ours = _meter(self._sys, self._period)
        self._events = self._counts()
        self._energy = [counter.read() for counter in self._counters]
        self._sample()
        self._began = clock()
        self._spent = 0.0  # the first and the last reading are not among what is measured
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        seconds, spent = clock() - self._began, self._spent
        self._sample()
        self._close()
        self._result = self._summary(seconds, spent)

    def _run(self) -> None:
        due = self._began + self._period
        while not self._stop.wait(max(0.0, due - clock())):
            self._sample()
            due = max(due + self._period, clock())

    def _sample(self) -> None:
        began, now = time.thread_time(), clock()
        self.samples += 1
        if (used := usage(self._pid, self._ours, self._proc)) is not None:
            self._usage.append((now, used))
        for n, counter in enumerate(self._counters):  # often enough to see each wrap
            before, energy = self._energy[n], counter.read()
            if before is not None and energy is not None:
                self._joules[n] += counter.since(before, energy)
                self._energy[n] = energy
        for name, active in coolers(self._sys).items():
            self._coolers[name] = self._coolers.get(name, False) or active
        self._note("degrees", now, temperatures(self._sys))
        self._note("rails", now, self._meter())
        self._note("mhz", now, cpu_clocks(self._sys))
        if (at := gpu(self._sys)) is not None:
            self._note("mhz", now, {"gpu": at.now / 1e6})
        if (load := gpu_load(self._sys)) is not None:
            self._note("gpu_load", now, {"gpu": load})
        self._spent += time.thread_time() - began

    def _note(self, kind: str, now: float, values: dict[str, float]) -> None:
        courses = self._courses.setdefault(kind, {})
        for name, value in values.items():
            courses.setdefault(name, Readings()).add(now, value)

    def _counts(self) -> dict[str, int | None]:
        return {
            "over-current": over_currents(self._sys),
            "processor too hot": throttle_count(self._sys),
        }

    def _summary(self, seconds: float, spent: float) -> Sampled:
        figures = {
            kind: {name: course.summary() for name, course in courses.items()}
            for kind, courses in self._courses.items()
        }
        rails = figures["rails"]
        watts, joules, of = None, None, input_rail(rails)
        if of is not None:
            watts = rails[of].mean
            joules = watts * seconds
        elif self._counters and None not in self._energy:
            joules = sum(self._joules)
            watts = joules / seconds
            of = "RAPL " + " + ".join(counter.name for counter in self._counters)
        used, cpu, waited = [one for _, one in self._usage], None, None
        if len(used) > 1:  # a process that has ended cannot be read any more: up to then
            lasted = self._usage[-1][0] - self._usage[0][0]
            cpu = 100 * (used[-1].cpu_seconds - used[0].cpu_seconds) / lasted
            if (seconds_waited := waited_seconds(used)) is not None:
                waited = 100 * seconds_waited / lasted
        return Sampled(
            seconds=seconds,
            samples=self.samples,
            sampling_percent=100 * spent / seconds,
            cpu_percent=cpu,
            processes=max((u.processes for u in used), default=None),
            peak_rss_bytes=max((u.peak_rss_bytes for u in used), default=None),
            degrees=figures["degrees"],
            watts=watts,
            watts_of=of,
            joules=joules,
            rails=rails,
            mhz=figures["mhz"],
            gpu_load_percent=figures.get("gpu_load", {}).get("gpu"),
            throttling=self._throttling(),
            power_mode=self._power_mode,
            waited_percent=waited,
        )

    def _throttling(self) -> tuple[str, ...] | None:
        words, signs = [], bool(self._coolers)
        for name, after in self._counts().items():
            before = self._events[name]
            if before is not None and after is not None:
                signs = True
                if after > before:
                    words.append(f"{name}, {after - before} times")
        words += [f"{name} slowed by heat" for name, active in self._coolers.items() if active]
        return tuple(words) if signs else None


def _meter(
    sys: Path, period: float
) -> tuple[Callable[[], dict[str, float]], Callable[[], None], tuple[int, ...]]:
    """What gives watts by rail, what ends it, and the processes that are its own.

    The kernel's files where they show a rail; else NVIDIA's tegrastats, which has them as root;
    else jetson-stats, whose service runs as root.
    """
    if not powers(sys) and shutil.which(PROGRAM):
        try:
            running = Running(period)
        except OSError:
            pass
        else:

            def newest() -> dict[str, float]:
                line = running.newest()
                return line.watts if line else {}

            return newest, running.close, (running.pid,)
    if not powers(sys):
        try:
            stats = JetsonStats(period)
        except OSError:
            pass
        else:
            return stats.watts, stats.close, ()
    return lambda: powers(sys), lambda: None, ()
