"""A report for eyes: tables of 80 columns, and one of Markdown."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from statistics import fmean

from edgefer.bench.measurement import Measurement
from edgefer.bench.report import Report
from edgefer.bench.reported import CONDITIONS, ROBOT_2024, TABLE_1
from edgefer.bench.sampling import Sampled
from edgefer.bench.statistics import Interval, Spread
from edgefer.tables import markdown_table, number, text_table

NAME = 20
"""Columns of an engine's name, marks included."""
WIDTH = 80
UNLIKE, WRONG = "†", "!"

Table = Callable[[Sequence[str], Sequence[Sequence[str]]], str]


def text(report: Report) -> str:
    """Tables, at most 80 columns wide, and what must be known to read them."""
    parts = [_rates(report), _latency(report), _models(report), _machine(report)]
    parts += [_power(report), _sustained(report), _judgements(report), _notes(report)]
    parts += [_reported(report, text_table), _context(report)]
    return "\n\n".join(part for part in parts if part)


def markdown(report: Report) -> str:
    """One wide table, and what must be known to read it."""
    header = ["engine", "#", "params", "weights", "input", _unit(report.first), "95 % interval",
              "classification FPS", "detection FPS", "serial-equivalent", "overlap", "efficiency",
              "p50 / p95 / p99 ms", "drops", "CPU %", "peak RSS MiB", "verdict"]  # fmt: skip
    rows = []
    for m in report.engines:
        whole = _whole(m)
        rows.append([
            _marked(report, m), _rank(report, m), _parameters(m), m.precision, m.input,
            number(m.total_fps.mean), _between(m.total_fps), number(m.classification_fps),
            number(m.detection_fps), number(m.serial_fps), number(m.overlap, 2),
            number(m.efficiency, 2),
            " / ".join(number(v, 2) for v in (whole.p50, whole.p95, whole.p99)),
            str(m.dropped), number(m.cpu_percent, 0), _mib(m),
            "STABLE" if m.stability.stable else "UNSTABLE",
        ])  # fmt: skip
    parts = [markdown_table(header, rows), *_lists(_judgements(report), _notes(report))]
    parts += [_reported(report, markdown_table), _context(report)]
    return "\n\n".join(part for part in parts if part)


def _rates(report: Report) -> str:
    if report.first.mode == "engine":
        rows = [
            [*_head(report, m), _rate(m.total_fps.mean), _reach(m.total_fps)]
            for m in report.engines
        ]
        return text_table(["", "#", "faces/s", "95 %"], rows)
    return text_table(
        ["FPS", "#", "total", "95 %", "class", "detect", "serial", "overlap", "effic"],
        [
            [
                *_head(report, m),
                _rate(m.total_fps.mean),
                _reach(m.total_fps),
                *(_rate(v) for v in (m.classification_fps, m.detection_fps, m.serial_fps)),
                number(m.overlap, 2),
                number(m.efficiency, 2),
            ]
            for m in report.engines
        ],
    )


def _latency(report: Report) -> str:
    rows = []
    for m in report.engines:
        name = _marked(report, m, NAME)
        for stage, s in m.latency_ms.items():
            values = [*(_ms(v) for v in (s.p50, s.p90, s.p95, s.p99, s.max)), number(s.cv, 2)]
            rows.append([name, stage, *values])
            name = ""
    return text_table(["ms", "stage", "p50", "p90", "p95", "p99", "max", "CV"], rows)


def _models(report: Report) -> str:
    return text_table(
        ["engine", "params", "M MACs", "weights", "input", "of roof"],
        [
            [
                _marked(report, m, NAME),
                _parameters(m),
                number(None if m.macs is None else m.macs / 1e6),
                m.precision,
                m.input,
                "-" if m.roof_share is None else f"{m.roof_share:.0%}",
            ]
            for m in report.engines
        ],
    )


def _machine(report: Report) -> str:
    return text_table(
        ["engine", "faces", "drops", "CPU %", "others %", "RSS MiB"],
        [
            [
                _marked(report, m, NAME),
                number(m.faces / m.frames, 2),
                str(m.dropped),
                number(m.cpu_percent, 0),
                number(m.others_percent, 0),
                _mib(m),
            ]
            for m in report.engines
        ],
    )


def _power(report: Report) -> str:
    rows = [[_marked(report, m, NAME), *_energy(m)] for m in report.engines]
    if all(cell == "-" for row in rows for cell in row[1:]):
        return "watts, faces a joule, temperatures, clocks, throttling: unavailable here"
    header = ["engine", "W", "faces/J", "°C start", "°C end", "MHz", "throttled"]
    return text_table(header, rows)


def _energy(m: Measurement) -> list[str]:
    """Over all rounds, as far as this machine shows it."""
    samples = [Sampled.from_record(one.sample) for one in m.rounds]
    watts = [s.watts for s in samples if s.watts is not None]
    joules = [s.joules for s in samples if s.joules]
    faces = m.faces / len(m.rounds) * len(joules)
    hottest = [found[1] for s in samples if (found := s.hottest())]
    clocks = [max(course.mean for course in s.mhz.values()) for s in samples if s.mhz]
    signs = [s.throttling for s in samples if s.throttling is not None]
    return [
        number(fmean(watts) if watts else None, 2),
        number(faces / sum(joules) if joules else None),
        number(hottest[0].start if hottest else None),
        number(hottest[-1].end if hottest else None),
        number(fmean(clocks) if clocks else None, 0),
        ("yes" if any(signs) else "no") if signs else "-",
    ]


def _sustained(report: Report) -> str:
    rows = [
        [_marked(report, m, NAME), number(s.first_fps), number(s.last_fps),
         f"{s.last_fps / s.first_fps - 1:+.1%}" if s.first_fps else "-"]
        for m in report.engines
        if (s := m.sustained) is not None
    ]  # fmt: skip
    if not rows:
        return ""
    seconds = next(m.sustained.seconds for m in report.engines if m.sustained is not None)
    tenths = ("minute 1", "minute 10") if round(seconds) == 600 else ("first 10th", "last 10th")
    return text_table([f"{seconds:,.0f} s on end, FPS", *tenths, "change"], rows)


def _judgements(report: Report) -> str:
    return "\n".join(_wrapped(f"{_name(m)}: {m.stability}") for m in report.engines)


def _notes(report: Report) -> str:
    lines = []
    for m in report.engines:
        if unlike := report.unlike(m):
            lines.append(f"{UNLIKE} {_name(m)} is not like {_name(report.first)}: other "
                         f"{', '.join(unlike)}")  # fmt: skip
    for m in report.engines:
        if m.gate.passed is False:
            lines.append(f"{WRONG} {_name(m)} has no rank, its answers are wrong: {m.gate.why}")
        elif m.gate.passed is None:
            lines.append(f"{_name(m)}: answers not checked, {m.gate.why}")
        else:
            lines.append(f"{_name(m)} against ONNX Runtime fp32: {m.gate.why}")
    lines += [f"{_name(m)}: accuracy on {m.accuracy}" for m in report.engines if m.accuracy]
    return "\n".join(_wrapped(line) for line in lines)


def _reported(report: Report, table: Table) -> str:
    """The paper's figures for the networks in the table; never in a column with measured ones."""
    rows = [
        [row.label, f"{row.parameters:,}", *(number(v, 2) for v in row.fps or (None,) * 3)]
        for name, row in TABLE_1.items()
        if name in {m.network for m in report.engines}
    ]
    if not rows:
        return ""
    shown = table(["FPS, reported", "params", "total", "class", "detect"], rows)
    head = "reported, not measured, Keras, one loop, Jetson Nano:"
    return f"{head}\n\n{shown}\n\n{_wrapped(f'{ROBOT_2024}; {CONDITIONS}')}"


def _context(report: Report) -> str:
    m, env = report.first, report.environment
    n = len(m.rounds)
    how = f"paced at {m.paced:g} FPS" if m.paced else "as fast as it goes"
    played = (
        f"drawn faces, {m.batch} in a call, one thread"
        if m.mode == "engine"
        else f"clip {report.clip['url']}, {how}\ndetector {m.detector}, {m.workers} workers"
    )
    runtimes = ", ".join(dict.fromkeys(one.runtime for one in report.engines))
    lines = [
        f"{env['cpu']}, {env['cores']} cores",
        runtimes,
        played,
        f"{n} rounds of {m.rounds[0].frames:,} frames, the engines in turns, each round in a new "
        "process after a warm-up",
        "95 %: bootstrap over rounds; p99: of 1,000 frames or more",
    ]
    if m.mode == "pipeline":
        lines.append("serial: what one loop would reach; overlap: total / serial; effic: total / "
                     "the most that these stage times allow on these cores")  # fmt: skip
    lines.append("RSS: peak, without the clip held in memory; CPU %: 100 is one core")
    if any(one.parameters_from == "file" and one.parameters for one in report.engines):
        lines.append("*: values stored in the file, not those trained")
    return "\n".join(_wrapped(line) for line in lines)


def _lists(*paragraphs: str) -> list[str]:
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


def _wrapped(line: str) -> str:
    return "\n".join(
        part
        for piece in line.splitlines()
        for part in textwrap.wrap(piece, WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    )


def _whole(m: Measurement) -> Spread:
    return m.latency_ms["age" if m.mode == "pipeline" else "classification"]


def _head(report: Report, m: Measurement) -> list[str]:
    return [_marked(report, m, NAME), _rank(report, m)]


def _rank(report: Report, m: Measurement) -> str:
    rank = report.rank(m)
    return "-" if rank is None else str(rank)


def _name(m: Measurement) -> str:
    return m.engine.removesuffix(".onnx")


def _marked(report: Report, m: Measurement, width: int = 1000) -> str:
    """The name with its marks, cut so that a table stays within 80 columns."""
    marks = (UNLIKE if report.unlike(m) else "") + ("" if m.ranked else WRONG)
    name, room = _name(m), width - len(marks)
    return (name if len(name) <= room else name[: room - 1] + "…") + marks


def _unit(m: Measurement) -> str:
    return "faces a second" if m.mode == "engine" else "total FPS"


def _rate(value: float) -> str:
    """Six columns at most, up to 99,999."""
    return number(value, 0 if value >= 999.95 else 1)


def _ms(value: float | None) -> str:
    """Six columns at most, up to 99,999."""
    return number(value, 2 if value is None or value < 100 else 1 if value < 1000 else 0)


def _reach(interval: Interval) -> str:
    """How far the interval reaches, as a share of the mean."""
    if not math.isfinite(interval.low + interval.high):
        return "-"
    reach = max(interval.mean - interval.low, interval.high - interval.mean) / interval.mean
    return f"±{100 * reach:.1f}%" if reach < 0.9995 else ">100%"


def _between(interval: Interval) -> str:
    if not math.isfinite(interval.low + interval.high):
        return "-"
    return f"{interval.low:,.1f} to {interval.high:,.1f}"


def _parameters(m: Measurement) -> str:
    if m.parameters is None:
        return "-"
    return f"{m.parameters:,}" + ("" if m.parameters_from == "spec" else "*")


def _mib(m: Measurement) -> str:
    return number(None if m.peak_rss_bytes is None else m.peak_rss_bytes / 2**20, 0)
