"""The OpenAPI document, made from the table of operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from starlette.requests import Request
from starlette.responses import Response

from edgefer import __version__
from edgefer.web.answers import NAMED, Name, json_answer
from edgefer.web.operations import JSON, Answer, Operation
from edgefer.web.site import Site

ANY = {
    401: Answer("A token or a session is wanted."),
    403: Answer("A page of another site sent this."),
    413: Answer("A body where none is taken, or one that is too large."),
    421: Answer("This server is not called so."),
}
"""What any operation may answer."""
SENDING = {429: Answer("Too many requests; Retry-After says when to come again.")}
"""And each that takes a body."""


def document(operations: Sequence[Operation]) -> dict[str, Any]:
    """OpenAPI 3.1 of what lies below /v1/ and of the probes."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        if "application/x-www-form-urlencoded" not in operation.body:  # the forms of the pages
            paths.setdefault(operation.path, {})[operation.method.lower()] = _one(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "edgefer",
            "version": __version__,
            "description": "Facial expressions at the edge. An expression is how a face looks; "
            "it is not what a person feels.",
        },
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def operation_of(operations: Sequence[Operation]) -> Operation:
    """The operation that shows the document, itself included."""

    async def show(_: Site, __: Request) -> Response:
        return json_answer(document((*operations, own)))

    told = Answer("OpenAPI 3.1.", {JSON: {"type": "object"}})
    own = Operation("GET", "/v1/openapi.json", show, "This document", {200: told})
    return own


def _one(operation: Operation) -> dict[str, Any]:
    answers = {**operation.answers, **ANY, **(SENDING if operation.body else {})}
    told: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": operation.method.lower() + operation.path.replace("/", "_").strip("{}"),
        "responses": {str(code): _answer(answer) for code, answer in sorted(answers.items())},
    }
    if operation.parameters:
        told["parameters"] = [
            {
                "name": each.name,
                "in": each.place,
                "description": each.doc,
                "required": each.required,
                "schema": each.schema,
            }
            for each in operation.parameters
        ]
    if operation.body:
        told["requestBody"] = {"required": True, "content": _content(operation.body)}
    return told


def _answer(answer: Answer) -> dict[str, Any]:
    told: dict[str, Any] = {"description": answer.doc}
    if not answer.content:  # a refusal is a sentence
        names = {"enum": get_args(Name)}
        told["headers"] = {NAMED: {"description": "Which one, to programs.", "schema": names}}
    told["content"] = _content(answer.content or {"text/plain": {"type": "string"}})
    return told


def _content(content: Mapping[str, Any]) -> dict[str, Any]:
    return {kind: {"schema": schema} for kind, schema in content.items()}
