"""/v1/benchmarks: results of `edgefer bench` and other measurements from one folder, and a short
bench on demand.

A result is asked for by a name that the listing gave; no part of a request becomes a path.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from edgefer.bench.compare import compare
from edgefer.bench.report import Report
from edgefer.errors import ConfigError
from edgefer.web.answers import Refused, json_answer
from edgefer.web.operations import JSON, Answer, Operation, Parameter
from edgefer.web.schemas import NUMBER, RATE, TEXT, YES, array, table
from edgefer.web.site import Site

FILES, LARGEST = 200, 4 << 20
"""Files of the folder that are looked at, and bytes of one, at most."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """What there is to show, by name."""

    reports: Mapping[str, Report]
    """Of `edgefer bench`: those of the folder, then those that were begun here."""
    others: Mapping[str, Mapping[str, Any]]  # Any: whatever JSON holds
    """What else was measured: JSON that says which of edgefer's schemas it follows, as
    `python -m benchmarks` writes it."""
    unread: Mapping[str, str]
    """Why a file cannot be shown, by its own name."""


def shelf(site: Site) -> Shelf:
    """All of it. Reads files."""
    reports: dict[str, Report] = {}
    others: dict[str, Mapping[str, Any]] = {}
    unread: dict[str, str] = {}
    for path in _files(site):
        try:
            match _read(path):
                case Report() as report:
                    reports[path.stem] = report
                case record if record:
                    others[path.stem] = record
        except ConfigError as exc:
            # The folder itself is nothing to visitors.
            unread[path.name] = str(exc).replace(str(path), path.name)
    return Shelf({**reports, **site.bench.own}, others, unread)


def _read(path: Path) -> Report | Mapping[str, Any]:
    """A file; {} where it is JSON of something else, as other files may lie there. Raises
    ConfigError where nothing can be made of it."""
    try:
        if path.stat().st_size > LARGEST:
            raise ConfigError(f"{path} is larger than {LARGEST >> 20} MiB")
        record = json.loads(path.read_bytes())
    except OSError as exc:
        raise ConfigError(f"cannot read {path}: {exc.strerror}") from exc
    except (ValueError, RecursionError) as exc:
        raise ConfigError(f"{path} is no JSON, or is damaged") from exc
    if not isinstance(record, dict) or not (kind := _kind(record)):
        return {}
    return Report.read_json(path) if kind == "bench" else record


def _kind(record: Mapping[str, Any]) -> str:
    """The "claims" of "edgefer.claims/1"; "" where it says none."""
    whose, _, kind = str(record.get("schema", "")).partition("/")[0].partition(".")
    return kind if whose == "edgefer" else ""


def _files(site: Site) -> list[Path]:
    if not site.config.web.benchmarks:
        return []
    folder = Path(os.path.expanduser(site.config.web.benchmarks))
    with suppress(OSError):
        return [path for path in sorted(folder.glob("*.json"))[:FILES] if path.is_file()]
    return []


async def listing(site: Site, _: Request) -> Response:
    found = await asyncio.to_thread(shelf, site)
    return json_answer(
        {
            "results": [_short(name, report) for name, report in found.reports.items()],
            "others": [
                {"name": name, "kind": _kind(record), "created": str(record.get("created", ""))}
                for name, record in found.others.items()
            ],
            "unread": [{"file": file, "why": why} for file, why in found.unread.items()],
            **_standing(site),
        }
    )


async def one(site: Site, request: Request) -> Response:
    name = request.path_params["name"]
    found = await asyncio.to_thread(shelf, site)
    if (record := found.others.get(name)) is not None:
        return json_answer({"name": name, **record})
    report = _named(found.reports, name)
    return json_answer({"name": name, **report.to_json()})


async def comparison(site: Site, request: Request) -> Response:
    names = (request.query_params.get("a", ""), request.query_params.get("b", ""))
    reports = (await asyncio.to_thread(shelf, site)).reports
    first, second = (_named(reports, name) for name in names)
    try:
        result = compare(names, first, second, force=True)
    except ConfigError as exc:
        raise Refused(400, str(exc)) from exc
    pairs = [
        {
            "engine": pair.second.engine,
            "first_fps": pair.first.total_fps.mean,
            "second_fps": pair.second.total_fps.mean,
            "ratio": pair.rate.ratio,
            "low": pair.rate.low,
            "high": pair.rate.high,
            "significant": pair.rate.significant,
            "verdict": pair.verdict,
        }
        for pair in result.pairs
    ]
    told = {"names": names, "pairs": pairs, "unlike": result.unlike, "alone": result.alone}
    return json_answer(told)


async def begin(site: Site, _: Request) -> Response:
    return json_answer({"name": site.bench.begin(site.config)}, 202)


async def running(site: Site, _: Request) -> Response:
    return json_answer(_standing(site))


async def cancel(site: Site, _: Request) -> Response:
    await site.bench.cancel()
    return json_answer(_standing(site))


def _standing(site: Site) -> dict[str, Any]:
    """The bench that runs here, and how the last one ended."""
    now, last = site.bench.running, site.bench.ended
    return {
        "running": None if now is None else now.record(),
        "ended": None if last is None else dataclasses.asdict(last),
    }


def _short(name: str, report: Report) -> dict[str, Any]:
    return {
        "name": name,
        "created": report.created,
        "device": report.environment.get("device"),
        "mode": report.first.mode,
        "engines": [
            {"engine": m.engine, "total_fps": m.total_fps.mean, "stable": m.stability.stable}
            for m in report.engines
        ],
    }


def _named(reports: Mapping[str, Report], name: str) -> Report:
    if name not in reports:
        raise Refused(404, "there is no such result", "no_result")
    return reports[name]


_ENGINE = table(engine=TEXT, total_fps=RATE, stable=YES)
_RESULT = table(
    name=TEXT, created=TEXT, device={"type": ["string", "null"]}, mode=TEXT, engines=array(_ENGINE)
)
_PAIR = table(
    engine=TEXT,
    first_fps=RATE,
    second_fps=RATE,
    ratio=RATE,
    low=RATE,
    high=RATE,
    significant=YES,
    verdict=TEXT,
)
_OR_NONE = {"type": ["number", "null"]}
_UNKNOWN = "null while it gets ready."
_RUNNING = table(
    name=TEXT,
    seconds=NUMBER,
    share={**_OR_NONE, "minimum": 0, "maximum": 1, "description": f"Done of it; {_UNKNOWN}"},
    left={**_OR_NONE, "description": f"Seconds that it still takes; {_UNKNOWN}"},
)
_ENDED = table(name=TEXT, how={"enum": ["done", "failed", "cancelled"]}, why=TEXT)
_STANDING = {
    "running": {**_RUNNING, "type": ["object", "null"]},
    "ended": {**_ENDED, "type": ["object", "null"]},
}
_LISTING = table(
    results=array(_RESULT),
    others=array(table(name=TEXT, kind=TEXT, created=TEXT)),
    unread=array(table(file=TEXT, why=TEXT)),
    **_STANDING,
)
_COMPARISON = table(names=array(TEXT, 2), pairs=array(_PAIR), unlike=array(TEXT), alone=array(TEXT))
_NONE = Answer("There is no such result.")
_RESULT_NAME = Parameter("name", "As the listing names it.", TEXT, "path", required=True)

OPERATIONS = (
    Operation("GET", "/v1/benchmarks", listing, "Results of edgefer bench",
              {200: Answer("Their names; the bench that runs.", {JSON: _LISTING})}),
    Operation("GET", "/v1/benchmarks/compare", comparison, "Two results side by side",
              {200: Answer("The second against the first.", {JSON: _COMPARISON}), 404: _NONE,
               400: Answer("They have nothing in common.")},
              tuple(Parameter(n, "The name of a result.", TEXT, required=True) for n in "ab")),
    Operation("GET", "/v1/benchmarks/running", running, "The short bench that runs",
              {200: Answer("How far it is; how the last one ended.", {JSON: table(**_STANDING)})}),
    Operation("DELETE", "/v1/benchmarks/running", cancel, "Cancel the short bench that runs",
              {200: Answer("It has ended.", {JSON: table(**_STANDING)}),
               404: Answer("None runs.")}),
    Operation("GET", "/v1/benchmarks/{name}", one, "One result, whole",
              {200: Answer("As its file has it.", {JSON: {"type": "object"}}),
               404: _NONE}, (_RESULT_NAME,)),
    Operation("POST", "/v1/benchmarks", begin, "Begin a short bench",
              {202: Answer("The name of the result to come.", {JSON: table(name=TEXT)}),
               409: Answer("Another runs.")}),
)  # fmt: skip
