"""The document says what is answered; made-up requests of every kind bring no error of ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("schemathesis", reason="pip install schemathesis")
pytest.importorskip("openapi_spec_validator", reason="pip install openapi-spec-validator")
import openapi_spec_validator
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from edgefer.web import api, benching
from edgefer.web.openapi import document
from tests.drivers import reading
from tests.web.servers import Daemon, Server, serving

CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]


@schemathesis.serializer("image/jpeg", "image/png", "image/webp", "image/bmp")
def as_it_is(_: Any, value: Any) -> Any:
    """Bytes of no meaning; schemathesis below 4.32 does not know pictures."""
    return value


ENDLESS = ("/v1/stream", "/v1/cameras/{name}/video")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    patched = pytest.MonkeyPatch()
    patched.setattr(benching, "bench_command", lambda _: ["true"])
    patched.setattr("edgefer.web.cameras.WAIT", 0.01)
    folder = tmp_path_factory.mktemp("site")
    daemon = Daemon(folder)
    with serving(daemon.site(benchmarks=str(folder))) as server:
        server.call(lambda: daemon.live.read("door", reading(0)))
        yield server
    patched.undo()


def test_the_document_is_openapi(running: Server) -> None:
    openapi_spec_validator.validate(running.get("/v1/openapi.json").json())


def test_every_operation_is_in_the_document_and_is_answered(running: Server) -> None:
    told = running.get("/v1/openapi.json").json()["paths"]
    for operation in api.operations(Daemon(Path()).live.config):
        if operation.path in ("/login", "/logout"):
            continue
        assert operation.method.lower() in told[operation.path]
        if operation.method == "GET" and operation.path not in ENDLESS:
            path = operation.path.replace("{name}", "door")
            code = running.get(path).status_code
            assert str(code) in told[operation.path]["get"]["responses"]
    assert document(())["paths"] == {}


def test_made_up_requests_are_answered_as_the_document_says(running: Server) -> None:
    schema = schemathesis.openapi.from_url(running.url + "/v1/openapi.json")
    seen = set()
    for found in schema.get_all_operations():
        operation = found.ok()  # type: ignore[union-attr]  # or it raises, which is as well
        if operation.path in ENDLESS:
            continue

        @settings(
            max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            response = case.call(timeout=60)
            seen.add((case.operation.path, response.status_code))
            assert response.status_code != 500
            case.validate_response(response, checks=CHECKS)

        ask()
    codes = {code for _, code in seen}
    assert codes >= {200, 202, 404}
    assert codes & {400, 415}  # made-up pictures; which they are is chance
