"""A report for eyes: tables of 80 columns, and wide ones of Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgefer.bench import cells, remarks
from edgefer.bench.measurement import Measurement
from edgefer.bench.report import Report
from edgefer.tables import markdown_table, number, text_table

Table = Callable[[Sequence[str], Sequence[Sequence[str]]], str]

VITALS = ("W", "faces/J", "°C start", "°C end", "MHz", "throttled")


def text(report: Report) -> str:
    """Tables, at most 80 columns wide, and what must be known to read them."""
    parts = [_rates(report), _piped(report), _latency(report, text_table, cells.NAME)]
    parts += [_models(report), _machine(report), _vitals(report), _sustained(report, text_table)]
    parts += [remarks.verdicts(report), remarks.notes(report)]
    parts += [remarks.reported(report, text_table), remarks.source(report)]
    parts += [f"{remarks.context(report)}\n{remarks.OTHERS}"]
    return "\n\n".join(part for part in parts if part)


def markdown(report: Report) -> str:
    """A wide table of all that was measured, one of the latencies, and what must be known to read
    them. A column in which no row has anything is left out."""
    columns = _columns(report)
    wide = {title: [cell(m) for m in report.engines] for title, cell in columns.items()}
    shown = [title for title, column in wide.items() if set(column) != {"-"}]
    rows = list(zip(*(wide[title] for title in shown), strict=True))
    parts = [markdown_table(shown, rows), _latency(report, markdown_table)]
    parts += [_sustained(report, markdown_table)]
    notes = remarks.notes(report) + ("" if _any_vitals(report) else f"\n{remarks.NO_VITALS}")
    parts += remarks.as_lists(remarks.verdicts(report), notes.strip())
    parts += [remarks.reported(report, markdown_table)]
    parts += remarks.as_lists(remarks.source(report), remarks.context(report))
    return "\n\n".join(part for part in parts if part)


def _columns(report: Report) -> dict[str, Callable[[Measurement], str]]:
    """Of the wide table."""
    runtimes = {m.runtime for m in report.engines}
    unit = "faces a second" if report.first.mode == "engine" else "total FPS"
    columns: dict[str, Callable[[Measurement], str]] = {
        "engine": lambda m: cells.marked(report, m),
        "#": lambda m: cells.rank(report, m),
        "params": cells.parameters,
        "M MACs": cells.million_macs,
        "weights": lambda m: m.precision,
        "input": lambda m: m.input,
        "runtime": lambda m: m.runtime if len(runtimes) > 1 else "-",
        unit: lambda m: number(m.total_fps.mean),
        "95 % interval": lambda m: cells.between(m.total_fps),
        "classification FPS": lambda m: _staged(m, m.classification_fps),
        "detection FPS": lambda m: number(m.detection_fps),
        "serial-equivalent": lambda m: _staged(m, m.serial_fps),
        "overlap": lambda m: _staged(m, m.overlap, 2),
        "efficiency": lambda m: number(m.efficiency, 2),
        "faces a frame": lambda m: _staged(m, m.faces_per_frame, 2),
        "searched": lambda m: cells.share(m.searched_share),
        "drops": lambda m: _staged(m, m.dropped, 0),
        "CPU %": lambda m: number(m.cpu_percent, 0),
        "peak RSS MiB": cells.mib,
        "of roof": lambda m: cells.share(m.roof_share),
    }
    for n, title in enumerate(VITALS):
        columns[title] = lambda m, n=n: cells.vitals(m)[n]  # type: ignore[misc]
    columns["verdict"] = lambda m: "STABLE" if m.stability.stable else "UNSTABLE"
    return columns


def _staged(m: Measurement, value: float, digits: int = 1) -> str:
    """What only a pipeline has."""
    return number(value, digits) if m.mode == "pipeline" else "-"


def _rates(report: Report) -> str:
    if report.first.mode == "engine":
        return text_table(["", "#", "faces/s", "95 %"], [_head(report, m) for m in report.engines])
    return text_table(
        ["FPS", "#", "total", "95 %", "class", "detect", "serial"],
        [
            [
                *_head(report, m),
                *(cells.rate(v) for v in (m.classification_fps, m.detection_fps, m.serial_fps)),
            ]
            for m in report.engines
        ],
    )


def _head(report: Report, m: Measurement) -> list[str]:
    name, place = cells.marked(report, m, cells.NAME), cells.rank(report, m)
    return [name, place, cells.rate(m.total_fps.mean), cells.between(m.total_fps)]


def _piped(report: Report) -> str:
    """What only a pipeline has."""
    if report.first.mode == "engine":
        return ""
    return text_table(
        ["engine", "overlap", "effic", "faces", "searched", "drops"],
        [
            [
                cells.marked(report, m, cells.NAME),
                number(m.overlap, 2),
                number(m.efficiency, 2),
                number(m.faces_per_frame, 2),
                cells.share(m.searched_share),
                str(m.dropped),
            ]
            for m in report.engines
        ],
    )


def _latency(report: Report, table: Table, width: int = 1000) -> str:
    rows = []
    for m in report.engines:
        name = cells.marked(report, m, width)
        for stage, s in m.latency_ms.items():
            values = [*(cells.ms(v) for v in (s.p50, s.p90, s.p95, s.p99, s.max)), number(s.cv, 2)]
            rows.append([name, stage, *values])
            name = ""
    return table(["ms", "stage", "p50", "p90", "p95", "p99", "max", "CV"], rows)


def _models(report: Report) -> str:
    return text_table(
        ["engine", "params", "M MACs", "weights", "input", "roof", "sha256"],
        [
            [
                cells.marked(report, m, cells.NAME),
                cells.parameters(m),
                cells.million_macs(m),
                m.precision,
                m.input,
                cells.share(m.roof_share),
                m.model_sha256[:8],
            ]
            for m in report.engines
        ],
    )


def _machine(report: Report) -> str:
    return text_table(
        ["engine", "CPU %", "others %", "lost %", "RSS MiB"],
        [
            [
                cells.marked(report, m, cells.NAME),
                number(m.cpu_percent, 0),
                number(m.others_percent, 0),
                number(m.lost_percent, 0),
                cells.mib(m),
            ]
            for m in report.engines
        ],
    )


def _any_vitals(report: Report) -> bool:
    return any(m.vitals.known for m in report.engines)


def _vitals(report: Report) -> str:
    if not _any_vitals(report):
        return remarks.NO_VITALS
    rows = [[cells.marked(report, m, cells.NAME), *cells.vitals(m)] for m in report.engines]
    return text_table(["engine", *VITALS], rows)


def _sustained(report: Report, table: Table) -> str:
    rows = [
        [cells.marked(report, m, cells.NAME), number(s.first_fps), number(s.last_fps),
         f"{s.last_fps / s.first_fps - 1:+.1%}" if s.first_fps else "-"]
        for m in report.engines
        if (s := m.sustained) is not None
    ]  # fmt: skip
    if not rows:
        return ""
    seconds = next(m.sustained.seconds for m in report.engines if m.sustained is not None)
    tenths = ("minute 1", "minute 10") if round(seconds) == 600 else ("first 10th", "last 10th")
    return table([f"{seconds:,.0f} s on end, FPS", *tenths, "change"], rows)
