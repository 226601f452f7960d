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


def found(site: Site) -> dict[str, Report]:
    """All results by name: those of the folder, then those that were begun here. Reads files."""
    reports: dict[str, Report] = {}
    for path in _files(site):
        # Other files may lie there; what is no result is not listed.
        with suppress(ConfigError, RecursionError):
            reports[path.stem] = Report.read_json(path)
    return {**reports, **site.bench.own}


def others(site: Site) -> dict[str, dict[str, Any]]:
    """What else was measured, by name: JSON of the folder that says which of edgefer's schemas it
    follows, as `python -m benchmarks` writes it. Reads files."""
    records = {}
    for path in _files(site):
        with suppress(OSError, ValueError, RecursionError):
            record = json.loads(path.read_bytes())
            if isinstance(record, dict) and _kind(record) not in ("", "bench"):
                records[path.stem] = record
    return records


def _kind(record: Mapping[str, Any]) -> str:
    """The "claims" of "edgefer.claims/1"; "" where it says none."""
    whose, _, kind = str(record.get("schema", "")).partition("/")[0].partition(".")
    return kind if whose == "edgefer" else ""


def _files(site: Site) -> list[Path]:
    if not site.config.web.benchmarks:
        return []
    folder = Path(os.path.expanduser(site.config.web.benchmarks))
    with suppress(OSError):
        some = sorted(folder.glob("*.json"))[:FILES]
        return [path for path in some if path.is_file() and path.stat().st_size <= LARGEST]
    return []


async def listing(site: Site, _: Request) -> Response:
    reports = await asyncio.to_thread(found, site)
    more = await asyncio.to_thread(others, site)
    return json_answer(
        {
            "results": [_short(name, report) for name, report in reports.items()],
            "others": [
                {"name": name, "kind": _kind(record), "created": str(record.get("created", ""))}
                for name, record in more.items()
            ],
            **_standing(site),
        }
    )


async def one(site: Site, request: Request) -> Response:
    name = request.path_params["name"]
    if (record := (await asyncio.to_thread(others, site)).get(name)) is not None:
        return json_answer({"name": name, **record})
    report = _named(await asyncio.to_thread(found, site), name)
    return json_answer({"name": name, **report.to_json()})


async def comparison(site: Site, request: Request) -> Response:
    names = (request.query_params.get("a", ""), request.query_params.get("b", ""))
    reports = await asyncio.to_thread(found, site)
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
