"""What the machine does, and the daemon's own ways to hang."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import struct
import subprocess
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from benchmarks.faults.camera import PEOPLE, pattern
from benchmarks.faults.fault import FROM_ITS_END, FROM_THE_FAULT, LONGEST_GAP, Fault
from benchmarks.faults.outcome import Outcome
from benchmarks.faults.outside import AWAY, mqtt, webhook
from benchmarks.faults.subject import LOOK, NeverCame, Subject
from benchmarks.faults.tail import Seen
from benchmarks.receivers import Ear, Hook
from edgefer.timing import clock

DAY = 86400
LASTS = 3.0
"""Seconds that a load lasts, and that a jumped clock is looked at."""
WATCHDOG = 2.0
"""Seconds: WatchdogSec of the stand-in for systemd."""
NO_HEAP = {"MALLOC_MMAP_THRESHOLD_": "65536"}
"""So that each picture needs memory anew from the system, as a large one does."""


def _pause(seconds: float) -> None:
    threading.Event().wait(seconds)


def _clock_jumps(days: int) -> Callable[[Path], Outcome]:
    def once(folder: Path) -> Outcome:
        from tests.brokers import Broker

        shift = folder / "shift"
        shift.write_bytes(bytes(8))
        environment = {"LD_PRELOAD": str(_shim(folder)), "WALL_CLOCK_SHIFT": str(shift)}
        with (
            Broker(folder, "allow_anonymous true") as broker,
            Hook() as hook,
            Ear(broker.port) as ear,
            Subject(
                folder,
                PEOPLE + mqtt(broker.port) + webhook(hook.port),
                environment=environment,
            ) as subject,
        ):
            subject.steady()
            began, heard, posted = clock(), ear.count, hook.count
            with shift.open("r+b") as file:
                file.write(struct.pack("=q", days * DAY))
            _pause(LASTS)
            jump = _time(subject.wait_reading(clock())) - datetime.now().astimezone()
            if abs(jump.total_seconds() - days * DAY) > 60:
                raise NeverCame(f"its clock is off by {jump}, not {days} days")
            subject.wait(lambda: ear.count > heard and hook.count > posted, "messages and posts")
            outcome = subject.outcome(began, None, subject.longest_gap(began))
            return _unmoved(subject, began, outcome)

    return once


def _shim(folder: Path) -> Path:
    """wall_clock.c, compiled."""
    made = folder / "wall_clock.so"
    source = Path(__file__).with_name("wall_clock.c")
    subprocess.run(
        ["cc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", made, source], check=True
    )
    return made


def _time(reading: Seen) -> datetime:
    return datetime.fromisoformat(reading.line["time"])


def _unmoved(subject: Subject, since: float, outcome: Outcome) -> Outcome:
    """Whatever the log complains of is wrong: there is nothing to tell."""
    said = [s.message for s in subject.log if s.at >= since and s.line.get("level") != "INFO"]
    return outcome if not said else outcome.also_wrong(*said)


def _nothing(folder: Path) -> Outcome:
    with Subject(folder, PEOPLE) as subject:
        subject.steady()
        began = clock()
        _pause(LASTS)
        subject.wait_reading(clock())
        outcome = subject.outcome(began, None, subject.longest_gap(began))
        return _unmoved(subject, began, outcome)


def _load(folder: Path) -> Outcome:
    program = shutil.which("stress-ng")
    if program is None:
        raise NeverCame("stress-ng is not installed: apt-get install stress-ng")
    with Subject(folder, pattern()) as subject:
        subject.steady()
        began = clock()
        subprocess.run(
            [program, "--cpu", str(2 * len(os.sched_getaffinity(0))), "--timeout", f"{LASTS}s"],
            check=True,
            capture_output=True,
        )
        subject.wait_reading(clock())
        outcome = subject.outcome(began, None, subject.longest_gap(began))
        return _unmoved(subject, began, outcome)


def _limited(pid: int, most: int = 1 << 20) -> float:
    """From now on the process gets no more memory; what it has stays."""
    resource.prlimit(pid, resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
    return clock()


def _child_without_memory(folder: Path) -> Outcome:
    with Subject(folder, pattern(), environment=NO_HEAP) as subject:
        subject.steady()
        began = _limited(subject.child("capture_child"))
        noticed = subject.wait_said("MemoryError", began)
        live = subject.wait_said("live, ", noticed.at)
        return subject.outcome(began, noticed, (began, subject.wait_reading(live.at).at))


def _all_without_memory(folder: Path) -> Outcome:
    with Subject(folder, pattern(), environment=NO_HEAP) as subject:
        subject.steady()
        pid, child = subject.daemon.process.pid, subject.child("capture_child")
        began = _limited(pid)
        os.kill(child, signal.SIGKILL)
        killed = subject.wait_said("killed by signal 9", began)
        noticed = subject.wait_said("opening it again", killed.at + LOOK)
        _pause(AWAY)
        back = _limited(pid, resource.RLIM_INFINITY)
        return subject.outcome(began, noticed, (back, subject.wait_reading(back).at))


def _killed(folder: Path) -> Outcome:
    with Subject(folder, pattern()) as subject:
        subject.steady()
        began = clock()
        subject.daemon.send(signal.SIGKILL)
        return _restarted(subject, began, "")


def _stopped(folder: Path) -> Outcome:
    with Subject(folder, pattern(), watchdog=WATCHDOG) as subject:
        subject.steady()
        began = clock()
        subject.daemon.send(signal.SIGSTOP)
        subject.watch_as_systemd()
        return _restarted(subject, began, "Fatal Python error")


SITE = """
import signal, sys, time

def loop(*_):
    time.sleep(1e6)

def stage(*_):
    from edgefer.detectors import haar
    haar.Haar.detect = lambda *_: time.sleep(1e6)

if "daemon" in sys.orig_argv:
    signal.signal(signal.SIGUSR1, loop)
    signal.signal(signal.SIGUSR2, stage)
"""
"""Put into the daemon as sitecustomize.py: what hangs it when asked to by a signal."""


def _hangs(number: signal.Signals) -> Callable[[Path], Outcome]:
    def once(folder: Path) -> Outcome:
        (folder / "sitecustomize.py").write_text(SITE)
        path = {"PYTHONPATH": str(folder)}
        with Subject(folder, pattern(), environment=path, impatient=True) as subject:
            subject.steady()
            began = clock()
            subject.daemon.send(number)
            return _restarted(subject, began, "stuck: ")

    return once


def _restarted(subject: Subject, began: float, words: str) -> Outcome:
    """The daemon ends, and the next one is well."""
    subject.again()
    began_again = clock()
    noticed = next(
        (s for s in subject.log if began <= s.at < began_again and words in s.message), None
    )
    resumed = subject.wait_reading(began_again)
    return subject.outcome(began, noticed, (began, resumed.at), anew=True)


RESTARTED = "started again after the unit's RestartSec, by us instead of systemd"
ITSELF = f"it ends itself once its patience (shortened here alone) is spent, and is {RESTARTED}"
FAULTS = (
    Fault("none, to compare", f"{LASTS:g} s of nothing", LONGEST_GAP, _nothing),
    Fault(
        "clock jumps forward a day",
        "the wall clock alone, of the daemon and its children, by an LD_PRELOAD; all sinks on",
        LONGEST_GAP,
        _clock_jumps(1),
    ),
    Fault("clock jumps back a day", "the same, the other way", LONGEST_GAP, _clock_jumps(-1)),
    Fault(
        "100 % CPU load beside it",
        f"stress-ng on twice the cores for {LASTS:g} s, at the same priority",
        LONGEST_GAP,
        _load,
        alone=True,
    ),
    Fault(
        "memory limit, a child's",
        "RLIMIT_AS of the capture process, below what it has",
        FROM_THE_FAULT,
        _child_without_memory,
    ),
    Fault(
        "memory limit, for a while",
        "RLIMIT_AS of the daemon, below what it has, and SIGKILL to the capture process, so that "
        f"more is needed; lifted {AWAY:g} s after it was noticed",
        FROM_ITS_END,
        _all_without_memory,
    ),
    Fault(
        "daemon killed",
        f"SIGKILL, as by the kernel at MemoryMax; {RESTARTED}",
        FROM_THE_FAULT,
        _killed,
    ),
    Fault(
        "event loop hangs",
        f"the main thread sleeps, by a signal handler put into it; {ITSELF}",
        FROM_THE_FAULT,
        _hangs(signal.SIGUSR1),
    ),
    Fault(
        "stage hangs",
        f"the detector sleeps, put into it likewise; {ITSELF}",
        FROM_THE_FAULT,
        _hangs(signal.SIGUSR2),
    ),
    Fault(
        "daemon stopped",
        f"SIGSTOP; WATCHDOG=1 fails to come for {WATCHDOG:g} s, SIGABRT; {RESTARTED}",
        FROM_THE_FAULT,
        _stopped,
    ),
)
