"""A benchmark's result as one record: written as JSON, read again."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgefer.bench.measurement import Measurement, NoResult, without_nan
from edgefer.bench.statistics import RESAMPLES, SEED
from edgefer.errors import ConfigError
from edgefer.files import replacing

SCHEMA = "edgefer.bench/3"


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was measured in one run, and where."""

    created: str
    """ISO 8601, UTC."""
    argv: tuple[str, ...]
    environment: dict[str, object]
    clip: dict[str, object]
    engines: tuple[Measurement, ...]
    """In the order in which they were given; at least one."""

    @property
    def first(self) -> Measurement:
        """The row that the others are held against."""
        return self.engines[0]

    def rank(self, of: Measurement) -> int | None:
        """1 for the highest total; None for a row whose answers are wrong."""
        if not of.ranked:
            return None
        return 1 + sum(m.ranked and m.total_fps.mean > of.total_fps.mean for m in self.engines)

    def unlike(self, of: Measurement) -> tuple[str, ...]:
        """In what a row differs from the first besides its network, so that their rates are not
        like for like."""
        traits: dict[str, Callable[[Measurement], object]] = {
            "runtime": lambda m: m.runtime,
            "precision": lambda m: m.precision,
            "input": lambda m: m.input,
            "batch": lambda m: m.batch,
            "search for faces": lambda m: (m.detect_every, m.still),
            "deadline": lambda m: m.deadline,
        }
        return tuple(name for name, get in traits.items() if get(of) != get(self.first))

    def to_json(self) -> dict[str, Any]:
        """What `read_json` reads, as a mapping."""
        record: dict[str, Any] = without_nan(
            {
                "schema": SCHEMA,
                "bootstrap": {"seed": SEED, "resamples": RESAMPLES},
                **dataclasses.asdict(self),
                "engines": [m.to_json() for m in self.engines],
            }
        )
        return record

    def write_json(self, path: Path) -> None:
        """Replace `path` whole. Raises OutputError."""
        with replacing(path) as file:
            file.write(json.dumps(self.to_json(), indent=2).encode() + b"\n")

    @classmethod
    def read_json(cls, path: Path) -> Report:
        """A report that `write_json` wrote; raises ConfigError where it is none."""
        try:
            return cls._read(json.loads(path.read_text(encoding="utf-8")))
        except OSError as exc:
            raise ConfigError(f"cannot read {path}: {exc.strerror}") from exc
        except NoResult as exc:
            why = str(exc)
        except UnicodeDecodeError:
            why = "it is not text"
        except json.JSONDecodeError as exc:
            why = f"it is not JSON, see line {exc.lineno}"
        except KeyError as exc:
            why = f"it has no {exc.args[0]}"
        except (ValueError, TypeError, AttributeError, RecursionError):
            why = f"its fields are not those of {SCHEMA}"
        raise ConfigError(f"{path}: it is no result of edgefer bench: {why}")

    @classmethod
    def _read(cls, record: Any) -> Report:  # Any: whatever JSON holds
        if not isinstance(record, dict) or "schema" not in record:
            raise NoResult("it names no schema; edgefer bench --json FILE writes one")
        if (schema := record.pop("schema")) != SCHEMA:
            raise NoResult(f"its schema is {schema}, not {SCHEMA}; measure again")
        record.pop("bootstrap", None)
        engines = tuple(Measurement.from_json(fields) for fields in record.pop("engines"))
        if not engines:
            raise NoResult("it holds no engine")
        for name in ("environment", "clip"):
            if not isinstance(record[name], dict):
                raise NoResult(f"{name} is no object")
        return cls(argv=tuple(record.pop("argv")), engines=engines, **record)
