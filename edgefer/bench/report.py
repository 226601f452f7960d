"""A benchmark's result: one JSON record, and tables for a terminal and for Markdown."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from edgefer.bench.measure import Measurement, without_nan
from edgefer.errors import ConfigError
from edgefer.files import replacing
from edgefer.tables import markdown_table, number, text_table

SCHEMA = "edgefer.bench/1"

NAME = 28
"""Columns of an engine's name."""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was measured in one run, and where."""

    created: str
    """ISO 8601, UTC."""
    argv: tuple[str, ...]
    environment: dict[str, object]
    clip: dict[str, object]
    engines: tuple[Measurement, ...]

    def write_json(self, path: Path) -> None:
        """Replace `path` whole. Raises OutputError."""
        record = {"schema": SCHEMA, **dataclasses.asdict(self)}
        with replacing(path) as file:
            file.write(json.dumps(without_nan(record), indent=2).encode() + b"\n")

    @classmethod
    def read_json(cls, path: Path) -> Report:
        """A report that `write_json` wrote; raises ConfigError where it is none."""
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            if record.pop("schema") != SCHEMA:
                raise ValueError(f"its schema is not {SCHEMA}")
            engines = tuple(Measurement.from_json(fields) for fields in record.pop("engines"))
            return cls(argv=tuple(record.pop("argv")), engines=engines, **record)
        except OSError as exc:
            raise ConfigError(f"cannot read {path}: {exc.strerror}") from exc
        except (ValueError, TypeError, KeyError, AttributeError) as exc:
            raise ConfigError(f"{path} is no result of edgefer bench: {exc}") from exc

    def text(self) -> str:
        """Three tables, at most 80 columns wide."""
        rates = text_table(
            ["FPS", "total", "class", "detect", "serial", "overlap", "effic"],
            [[_short(m), *_rates(m)] for m in self.engines],
        )
        latency = text_table(
            ["ms", "stage", "p50", "p95", "p99"],
            [
                [_short(m) if stage == "capture" else "", stage, *_spread(m, stage)]
                for m in self.engines
                for stage in m.latency_ms
            ],
        )
        facts = text_table(
            ["engine", "params", "weights", "input", "drops", "RSS MiB"],
            [[_short(m), *_facts(m)] for m in self.engines],
        )
        return f"{rates}\n\n{latency}\n\n{facts}\n\n{self._context()}"

    def markdown(self) -> str:
        """One wide table and what it was measured on."""
        header = ["engine", "params", "weights", "input", "total FPS", "classification FPS",
                  "detection FPS", "serial-equivalent", "overlap", "efficiency",
                  "age p50 / p95 / p99 ms", "drops", "peak RSS MiB"]  # fmt: skip
        rows = []
        for m in self.engines:
            params, weights, shape, drops, rss = _facts(m)
            age = " / ".join(_spread(m, "age"))
            rows.append([_name(m), params, weights, shape, *_rates(m), age, drops, rss])
        return f"{markdown_table(header, rows)}\n\n{self._context()}"

    def _context(self) -> str:
        m = self.engines[0]
        env = self.environment
        return (
            f"{env['cpu']}, {env['cores']} cores\n"
            f"{m.runtime}, detector {m.detector}, {m.workers} workers\n"
            f"{m.frames:,} frames, {m.faces / m.frames:.2f} faces a frame, after {m.warmup} of "
            f"warm-up; clip {self.clip['url']}\n"
            "serial: what one loop would reach; overlap: total / serial\n"
            "effic: total / the most that these stage times allow on these cores\n"
            "RSS: peak, without the clip held in memory; * stored, not trained, values"
        )


def _name(m: Measurement) -> str:
    return m.engine.removesuffix(".onnx")


def _short(m: Measurement) -> str:
    """Cut so that a table stays within 80 columns."""
    name = _name(m)
    return name if len(name) <= NAME else name[: NAME - 1] + "…"


def _rates(m: Measurement) -> list[str]:
    return [
        *(number(v) for v in (m.total_fps, m.classification_fps, m.detection_fps, m.serial_fps)),
        number(m.overlap, 2),
        number(m.efficiency, 2),
    ]


def _spread(m: Measurement, stage: str) -> list[str]:
    return [number(value, 2) for value in m.latency_ms[stage].values()]


def _parameters(m: Measurement) -> str:
    if m.parameters is None:
        return "-"
    return f"{m.parameters:,}" + ("" if m.parameters_from == "spec" else "*")


def _facts(m: Measurement) -> list[str]:
    return [
        _parameters(m),
        m.precision,
        m.input,
        str(m.dropped),
        number(m.peak_rss_bytes / 2**20, 0),
    ]
