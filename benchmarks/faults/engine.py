"""What engines do: a TensorRT plan in the engine host, on the tests' double of TensorRT."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.faults.camera import PEOPLE
from benchmarks.faults.fault import FROM_THE_FAULT, LONGEST_GAP, Fault
from benchmarks.faults.outcome import Outcome
from benchmarks.faults.shortened import section
from benchmarks.faults.subject import Subject
from benchmarks.faults.tail import Seen
from edgefer.timing import clock

VERSION = "8.2.1.8"
AT = 20
"""The batch with which the double's faults begin."""
DOUBLE = "TensorRT double in the engine host's process, which is real"


def _faces(line: dict[str, Any]) -> bool:  # Any: JSON
    return bool(line["faces"])


def _subject(folder: Path, fault: str = "") -> Subject:
    """A daemon whose plan has the fault once, and then makes the file `struck`."""
    from tests.plans import make_plan
    from tests.tensorrt_double import PATH

    plan = folder / "face.plan"
    make_plan(plan, VERSION, "5.3")
    environment = {
        "EDGEFER_TRT_DOUBLE": VERSION,
        "EDGEFER_TRT_DOUBLE_FAULT": fault,
        "EDGEFER_TRT_DOUBLE_ONCE": str(folder / "struck"),
        "PYTHONPATH": PATH,
    }
    config = section("engine", f'model = "{plan}"', f'python = "{sys.executable}"')
    return Subject(folder, PEOPLE + config, environment=environment)


def _struck(subject: Subject) -> float:
    """When the double's fault began, on our clock."""
    file = subject.folder / "struck"
    subject.wait(file.exists, "the fault")
    return clock() - (time.time() - file.stat().st_mtime)


def _double(fault: str, words: str, again: str) -> Callable[[Path], Outcome]:
    def once(folder: Path) -> Outcome:
        with _subject(folder, f"{fault}@{AT}") as subject:
            subject.steady()
            return _came_back(subject, _struck(subject), words, again)

    return once


def _killed(folder: Path) -> Outcome:
    with _subject(folder) as subject:
        subject.steady()
        child = subject.child("trt_runner")
        began = clock()
        os.kill(child, signal.SIGKILL)
        return _came_back(subject, began, "killed by signal 9", "the engine host runs again")


def _came_back(subject: Subject, began: float, words: str, again: str) -> Outcome:
    noticed = subject.wait_said(words, began)
    well = subject.wait_said(again, noticed.at)
    resumed = subject.wait_reading(well.at, _faces)
    subject.wait_said("the models answer again", noticed.at)
    return subject.outcome(began, noticed, (began, resumed.at))


def _corrupt(folder: Path) -> Outcome:
    with _subject(folder) as subject:
        subject.steady()
        plan = folder / "face.plan"
        good = plan.read_bytes()
        plan.write_bytes(good[:100] + bytes(100) + good[200:])
        began = clock()
        noticed = _reload(subject, "reload refused", began)
        subject.wait_reading(noticed.at, _faces)
        outcome = subject.outcome(began, noticed, subject.longest_gap(began))
        plan.write_bytes(good)
        _reload(subject, "reloaded", clock())
        return outcome


def _reload(subject: Subject, words: str, since: float) -> Seen:
    subject.daemon.send(signal.SIGHUP)
    return subject.wait_said(words, since)


FAULTS = (
    Fault(
        "engine answers NaN",
        f"{DOUBLE}: every answer from batch {AT} on, until the model is opened anew, which is "
        "tried after 5 s of nothing else",
        FROM_THE_FAULT,
        _double("nan", "answered nan", "opening the models anew"),
    ),
    Fault("engine's process killed", f"{DOUBLE}: SIGKILL", FROM_THE_FAULT, _killed),
    Fault(
        "engine hangs",
        f"{DOUBLE}: batch {AT} is never answered",
        FROM_THE_FAULT,
        _double("hang", "gave no answer for 1 s", "the engine host runs again"),
    ),
    Fault(
        "plan corrupt at reload",
        f"{DOUBLE}: 100 bytes of the plan zeroed, SIGHUP; then put right, and SIGHUP",
        LONGEST_GAP,
        _corrupt,
    ),
)
