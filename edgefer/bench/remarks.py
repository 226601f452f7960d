"""What must be known to read the bench's tables: verdicts, marks, the papers' figures, how."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence

from edgefer.bench.cells import BLANK, UNLIKE, WRONG, endless, name
from edgefer.bench.provenance import UNAVAILABLE
from edgefer.bench.report import Report
from edgefer.bench.reported import CONDITIONS, ROBOT_2024, TABLE_1, VARIANTS, Row
from edgefer.bench.statistics import ANY_MEANS
from edgefer.spec import UNTRAINED
from edgefer.tables import counted, number

WIDTH = 80
OTHERS = "others %: of the processors; lost %: of the work, waiting for others at most"
NO_VITALS = "watts, faces a joule, temperatures, clocks, throttling: unavailable here"

Table = Callable[[Sequence[str], Sequence[Sequence[str]]], str]


def verdicts(report: Report) -> str:
    """Each engine's; those that have the same share a line."""
    said = [("", name(m), f": {m.stability}") for m in report.engines]
    return wrapped(_together(said, len(report.engines)))


def notes(report: Report) -> str:
    """What the marks mean, how answers agree, and how right they are known to be."""
    unlike, answers, accuracy = [], [], []
    for m in report.engines:
        if traits := report.unlike(m):
            words = f" not like {name(report.first)}: other {', '.join(traits)}"
            unlike.append((UNLIKE, name(m), words))
        if m.gate.passed is False:
            answers.append((WRONG, name(m), f": no rank, wrong answers: {m.gate.why}"))
        elif m.gate.passed is None:
            answers.append(("", name(m), f": answers not checked, {m.gate.why}"))
        else:
            answers.append(("", name(m), f" against ONNX Runtime fp32: {m.gate.why}"))
        if m.accuracy == UNTRAINED:
            accuracy.append((BLANK, name(m), f": {UNTRAINED}"))
        elif m.accuracy:
            accuracy.append(("", name(m), f": accuracy on {m.accuracy}"))
        if m.mode == "pipeline" and m.searched_share < 1:
            shares = (f"{word} {m.looks[look] / m.frames:.1%}" for look, word in _LOOKS.items())
            answers.append(("", name(m), f": frames {', '.join(shares)}"))
    return wrapped(_together([*unlike, *answers, *accuracy], len(report.engines)))


_LOOKS = {"detect": "searched", "follow": "followed", "still": "still"}


def reported(report: Report, table: Table) -> str:
    """The paper's figures for the networks in the table; never in a column with measured ones."""
    if not (found := _reported(report)):
        return ""
    rows = [
        [row.label, f"{row.parameters:,}", *(number(v, 2) for v in row.fps or (None,) * 3),
         number(row.accuracy, 4)]
        for row in found
    ]  # fmt: skip
    shown = table(["FPS, reported", "params", "total", "class", "detect", "val. acc."], rows)
    return f"reported, not measured, Keras, one loop, Jetson Nano:\n\n{shown}"


def _reported(report: Report) -> list[Row]:
    meant = {VARIANTS.get(m.network, m.network) for m in report.engines}
    return [row for name, row in TABLE_1.items() if name in meant]


def source(report: Report) -> str:
    """Of the reported figures, and what is odd about them."""
    if not (found := _reported(report)):
        return ""
    networks = {m.network for m in report.engines}
    lines = [f"{ROBOT_2024}; {CONDITIONS}"]
    lines += [f"{row.label}: {row.sic}" for row in found if row.sic]
    lines += [
        f"{ours} is measured; {TABLE_1[theirs].label}, without its shortcuts, is reported"
        for ours, theirs in VARIANTS.items()
        if ours in networks and theirs not in networks
    ]
    return wrapped(lines)


def context(report: Report) -> str:
    """Where and how it was measured, and what the words mean."""
    m, env = report.first, report.environment
    n, first = len(m.rounds), m.rounds[0]
    warm = [one.warmup for row in report.engines for one in row.rounds]
    warmed = f"{min(warm):,}" + (f" to {max(warm):,}" if min(warm) < max(warm) else "")
    runtimes = ", ".join(dict.fromkeys(one.runtime for one in report.engines))
    mode = next((one.vitals.power_mode for one in report.engines if one.vitals.power_mode), None)
    device = env.get("device", UNAVAILABLE)
    lines = [
        ("" if device == UNAVAILABLE else f"{device}: ")
        + f"{env['cpu']}, {env['cores']} cores"
        + (f", power mode {mode}" if mode else ""),
        f"{report.created}, commit {str(env.get('git', UNAVAILABLE))[:12]}",
        runtimes,
        *_played(report),
        f"{counted(n, 'round')} of {first.frames:,} frames, the engines in turns, each round in a "
        f"new process after {warmed} frames to warm up",
        "95 %: bootstrap over rounds; p99: of 1,000 frames or more",
    ]
    if any(endless(one.total_fps) for one in report.engines):
        lines.append(ANY_MEANS)
    if m.mode == "pipeline":
        lines.append("serial: what one loop would reach; overlap: total / serial; effic: total / "
                     "the most that these stage times allow on these cores")  # fmt: skip
    lines.append("RSS: peak, without the clip held in memory; CPU %: 100 is one core")
    if any(one.parameters_from == "file" and one.parameters for one in report.engines):
        lines.append("*: values stored in the file, not those trained")
    return wrapped(lines)


def _played(report: Report) -> list[str]:
    m = report.first
    inside = f"{counted(m.threads, 'thread')} inside the runtime"
    if m.mode == "engine":
        return [f"drawn faces, {m.batch} in a call, one call at a time, {inside}"]
    how = f"paced at {m.paced:g} FPS" if m.paced else "as fast as it goes"
    if m.detect_every == 1:
        search = "every frame is searched for faces"
    else:
        every = f"every {m.detect_every} frames" if m.detect_every else "as seldom as the pace asks"
        search = f"searched for faces {every}, followed in between"
    if m.still:
        search += f", but not where at most {m.still:g} of the picture changed"
    if m.deadline:
        search += f"; dropped when older than {m.deadline:g} s"
    return [
        f"clip {report.clip['url']}, {how}",
        f"detector {m.detector}, {counted(m.workers, 'worker')}, {inside}; {search}",
    ]


def _together(said: Iterable[tuple[str, str, str]], engines: int) -> list[str]:
    """Lines of mark, engine and words; engines of the same words share a line."""
    subjects: dict[tuple[str, str], list[str]] = {}
    for mark, engine, words in said:
        subjects.setdefault((mark, words), []).append(engine)
    return [
        f"{mark} {'all' if 1 < engines == len(names) else ', '.join(names)}{words}".strip()
        for (mark, words), names in subjects.items()
    ]


def as_lists(*paragraphs: str) -> list[str]:
    """Wrapped lines as items of a Markdown list."""
    return ["\n".join(f"- {line}" for line in _joined(p)) for p in paragraphs if p]


def _joined(paragraph: str) -> list[str]:
    lines: list[str] = []
    for line in paragraph.splitlines():
        if line.startswith("  "):
            lines[-1] += " " + line.strip()
        else:
            lines.append(line)
    return lines


def wrapped(said: Iterable[str]) -> str:
    """Each within 80 columns, its further lines indented."""
    return "\n".join(
        part
        for line in said
        for part in textwrap.wrap(line, WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    )
