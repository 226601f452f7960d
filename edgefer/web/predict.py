"""POST /v1/predict: a visitor's pictures, through the models of the cameras. Nothing is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
from starlette.requests import Request
from starlette.responses import Response

from edgefer.data import Detected, Expression, Face, Frame, Image, Reading, StageTimes
from edgefer.errors import InferenceError
from edgefer.outputs import WebConfig
from edgefer.sinks.annotate import annotate
from edgefer.timing import clock
from edgefer.web.answers import Busy, Refused, json_answer
from edgefer.web.limits import body_limit
from edgefer.web.operations import JSON, Answer, Operation, Parameter
from edgefer.web.pictures import Upload, decoded
from edgefer.web.schemas import COUNT, NUMBER, TEXT, array, named, table
from edgefer.web.serving import Serving
from edgefer.web.site import Site
from edgefer.web.uploads import ONE, SECONDS, SEVERAL, uploads


async def predict(site: Site, request: Request) -> Response:
    draw = request.query_params.get("draw", "0")
    if draw not in ("0", "1"):
        raise Refused(400, "draw is 0 or 1")
    config = site.config.web
    async with uploads(site, request) as found:
        if draw == "0":
            return json_answer(
                await site.predicting.run(lambda serving: told(serving, found, config))
            )
        if len(found) != 1:
            raise Refused(400, f"{len(found)} pictures came; one can be drawn on")
        png = await site.predicting.run(lambda serving: drawn(serving, found[0], config))
        return Response(png, media_type="image/png")


def told(serving: Serving, pictures: Sequence[Upload], config: WebConfig) -> dict[str, Any]:
    """What the models say of each picture, as JSON. Raises Refused."""
    spec = serving.engine.spec
    return {
        "model": {
            "name": spec.name,
            "labels": spec.labels,
            "runtime": serving.engine.runtime,
            "detector": serving.detector.name,
        },
        "images": [_record(picture.name, *_read(serving, picture, config)) for picture in pictures],
    }


def drawn(serving: Serving, picture: Upload, config: WebConfig) -> bytes:
    """A PNG of the picture with what the models say of it. Raises Refused."""
    reading, _ = _read(serving, picture, config)
    assert reading.image_bgr is not None
    _, data = cv2.imencode(".png", annotate(reading.image_bgr, reading))
    return data.tobytes()


def _read(serving: Serving, picture: Upload, config: WebConfig) -> tuple[Reading, float]:
    """The reading, and the seconds that decoding took."""
    began = clock()
    image = decoded(picture, config)
    ready = clock()
    try:
        faces = serving.detector.detect(image)
        seen = clock()
        expressions = serving.classifier.classify(Detected(Frame(image, 0, began), faces))
    except InferenceError as exc:
        raise Busy(f"the models do not answer now: {exc}", 5, "no_models") from exc
    done = clock()
    return _reading(image, faces, expressions, (began, ready, seen, done)), ready - began


def _reading(
    image: Image,
    faces: tuple[Face, ...],
    expressions: tuple[Expression, ...],
    at: tuple[float, float, float, float],
) -> Reading:
    began, ready, seen, done = at
    return Reading(
        sequence=0,
        captured=began,
        published=done,
        size=(image.shape[1], image.shape[0]),
        faces=faces,
        expressions=expressions,
        times=StageTimes(0.0, seen - ready, done - seen),
        image_bgr=image,
    )


def _record(name: str, reading: Reading, decoding: float) -> dict[str, Any]:
    times = {
        "decode": decoding,
        "detection": reading.times.detection,
        "classification": reading.times.classification,
    }
    return {
        "name": name,
        "size": reading.size,
        "faces": [
            _face(face, expression)
            for face, expression in zip(reading.faces, reading.expressions, strict=True)
        ],
        "times_ms": {stage: round(seconds * 1000, 3) for stage, seconds in times.items()},
    }


def _face(face: Face, expression: Expression) -> dict[str, Any]:
    box = face.box
    points = face.landmarks
    return {
        "box": [round(value, 1) for value in (box.x1, box.y1, box.x2, box.y2)],
        "score": round(face.score, 4),
        "landmarks": points and [[round(x, 1), round(y, 1)] for x, y in points],
        "expression": expression.label,
        "probability": round(expression.probability, 4),
        "probabilities": {
            label: round(prob, 4)
            for label, prob in zip(expression.labels, expression.probs, strict=True)
        },
    }


FACE = table(
    box=array(NUMBER, 4),
    score=NUMBER,
    landmarks={"type": ["array", "null"], "items": array(NUMBER, 2)},
    expression=TEXT,
    probability=NUMBER,
    probabilities=named(NUMBER),
)
_IMAGE = table(
    name=TEXT,
    size=array(COUNT, 2),
    faces=array(FACE),
    times_ms=table(decode=NUMBER, detection=NUMBER, classification=NUMBER),
)
MODEL = table(name=TEXT, labels=array(TEXT), runtime=TEXT, detector=TEXT)


def operations(config: WebConfig) -> tuple[Operation, ...]:
    """The one operation."""
    answers = {
        200: Answer(
            "Each picture's faces; with draw=1 the picture itself.",
            {
                JSON: table(model=MODEL, images=array(_IMAGE)),
                "image/png": {"type": "string", "format": "binary"},
            },
        ),
        400: Answer("No picture, a damaged one, or more than one to draw on."),
        415: Answer("No picture of a kind that is known here."),
        503: Answer("Others wait already, or the models are being loaded."),
    }
    draw = Parameter("draw", "1: an annotated PNG of one picture", {"enum": ["0", "1"]})
    return (
        Operation(
            "POST",
            "/v1/predict",
            predict,
            "Find faces in pictures and say how they look",
            answers,
            (draw,),
            body={**ONE, "multipart/form-data": SEVERAL},
            body_limit=body_limit(config),
            seconds=SECONDS,
        ),
    )
