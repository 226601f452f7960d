"""The papers' networks, as fast as they are here; what was reported stands apart."""

from __future__ import annotations

from benchmarks.claims import RESULTS
from edgefer.bench import cells, remarks
from edgefer.bench.measurement import Measurement
from edgefer.bench.report import Report
from edgefer.tables import markdown_table, number


def zoo() -> str:
    """The bench's result of all networks, the fastest first."""
    report = Report.read_json(RESULTS / "zoo.json")
    rows = [_row(report, m) for m in sorted(report.engines, key=lambda m: -m.total_fps.mean)]
    head = ["network", "params", "M MACs", "input", "total FPS", "95 % interval", "class", "detect",
            "serial", "p50 ms", "p99 ms", "MiB", "verdict"]  # fmt: skip
    parts = [
        markdown_table(head, rows),
        *remarks.as_lists(remarks.notes(report), remarks.NO_VITALS if _blind(report) else ""),
        remarks.reported(report, markdown_table),
        *remarks.as_lists(remarks.source(report), remarks.context(report)),
    ]
    return "\n\n".join(part for part in parts if part)


def _row(report: Report, m: Measurement) -> list[str]:
    whole = cells.whole(m)
    return [
        cells.marked(report, m),
        cells.parameters(m),
        cells.million_macs(m),
        m.input,
        number(m.total_fps.mean),
        cells.between(m.total_fps),
        *(number(fps) for fps in (m.classification_fps, m.detection_fps, m.serial_fps)),
        cells.ms(whole.p50),
        cells.ms(whole.p99),
        cells.mib(m),
        "STABLE" if m.stability.stable else "UNSTABLE",
    ]


def _blind(report: Report) -> bool:
    return not any(m.vitals.known for m in report.engines)
