"""`edgefer doctor`: what this machine is, what works on it, and what to do about the rest."""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from edgefer import __version__
from edgefer.doctor import camera, device, models, power, software
from edgefer.doctor.finding import Finding, State, Topic
from edgefer.doctor.machine import Machine
from edgefer.tables import counted

SCHEMA = 1
"""Of the JSON; goes up when a key changes its meaning or goes away."""

EXIT_PROBLEM = 8
"""As NotInstalled's: something has to be brought or mended."""

WIDTH = 80
_LABEL = 18

Check = Callable[[Machine], list[Finding]]

CHECKS: tuple[Check, ...] = (
    device.device,
    device.release,
    device.gpu,
    device.memory,
    device.swap,
    device.disk,
    software.python,
    software.tensorrt,
    software.pycuda,
    software.onnxruntime,
    software.opencv,
    software.service,
    power.power_mode,
    power.clocks,
    power.temperature,
    power.throttling,
    camera.nodes,
    camera.gstreamer,
    camera.argus,
    camera.gpu_nodes,
    models.folder,
    models.yunet,
)
"""In the order of the page."""


@dataclass(frozen=True, slots=True)
class Examination:
    """All findings, in the order of the page."""

    findings: tuple[Finding, ...]

    def counted(self, state: State) -> int:
        return sum(finding.state == state for finding in self.findings)

    @property
    def exit_code(self) -> int:
        return EXIT_PROBLEM if self.counted("problem") else 0

    def json(self) -> str:
        """`schema`, `edgefer`, `problems` (how many), and `findings`: `topic`, `name`, `state`
        (ok, note, problem, unavailable), `text`, `remedy` (a command, or empty)."""
        record = {
            "schema": SCHEMA,
            "edgefer": __version__,
            "problems": self.counted("problem"),
            "findings": [asdict(finding) for finding in self.findings],
        }
        return json.dumps(record, indent=2)

    def page(self) -> str:
        """For a terminal of 80 columns; a single word that is longer stays whole."""
        lines = [
            f"edgefer doctor: {counted(self.counted('problem'), 'problem')}, "
            f"{counted(self.counted('note'), 'note')}, {self.counted('unavailable')} unavailable"
        ]
        topic = ""
        for finding in self.findings:
            if finding.topic != topic:
                topic = finding.topic
                lines += ["", topic]
            state = "" if finding.state == "unavailable" else finding.state
            head = f"  {state:<8}{finding.name:<{_LABEL - 2}}"
            lines += _wrapped(finding.text, head)
            if finding.remedy:
                lines += _command(finding.remedy, " " * (len(head) - 3) + "-> ")
        return "\n".join(lines)


def _command(text: str, head: str) -> list[str]:
    """A command that takes several lines is still one when it is copied."""
    lines = _wrapped(text, head, WIDTH - 2)
    if re.match(r"sudo |docker |edgefer |pip |rm |/", text):
        return [*(f"{line} \\" for line in lines[:-1]), lines[-1]]
    return lines


def _wrapped(text: str, head: str, width: int = WIDTH) -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()),
        width,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [head.rstrip()]


def examine(machine: Machine) -> Examination:
    """Run every check, several at a time: most of them wait for a program.

    A check that raises is a bug of that check: it becomes a finding, and the others stand.
    """
    with ThreadPoolExecutor(max_workers=4) as pool:
        answers = list(pool.map(lambda check: _run(check, machine), CHECKS))
    return Examination(tuple(finding for findings in answers for finding in findings))


def _run(check: Check, machine: Machine) -> list[Finding]:
    try:
        return check(machine)
    except Exception as exc:  # noqa: BLE001 - one page with a hole is better than none
        topic: Topic = sys.modules[check.__module__].topic
        name = check.__name__.replace("_", " ")
        return [topic.unavailable(name, f"{type(exc).__name__}: {exc}")]
