"""POST /v1/steps: a face in a visitor's picture, stage by stage, with a sentence for each stage.
Nothing is stored."""

from __future__ import annotations

import base64
import string
import sys
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import cv2
from starlette.requests import Request
from starlette.responses import Response

from edgefer.data import Image
from edgefer.errors import InferenceError, UnknownName
from edgefer.outputs import WebConfig
from edgefer.steps import Picture, Step, Steps, step_by_step
from edgefer.web.answers import Busy, Refused, json_answer
from edgefer.web.limits import body_limit
from edgefer.web.operations import JSON, Answer, Operation, Parameter
from edgefer.web.pictures import Upload, decoded
from edgefer.web.schemas import COUNT, TEXT, array, table
from edgefer.web.serving import Serving
from edgefer.web.site import Site
from edgefer.web.texts import LANGUAGES, Texts, language_of, read_texts
from edgefer.web.uploads import ONE, SECONDS, one_picture

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FACES = 1000
"""More than any detector here gives for one picture."""


class Say:
    """What is said of steps, in one language."""

    def __init__(self, texts: Texts, labels: Mapping[str, str], comma: bool) -> None:
        self._texts, self._labels = texts, labels
        self._formatter = _Numbers(comma)

    def told(self, found: Steps) -> dict[str, Any]:
        """The steps as JSON."""
        return {"faces": len(found.faces), "steps": [self._step(step) for step in found.steps]}

    def _step(self, step: Step) -> dict[str, Any]:
        texts = self._texts[step.name]
        return {
            "name": step.name,
            "title": texts["title"],
            "sentence": " ".join(self._filled(texts[key], step.values) for key in step.said),
            "pictures": [self._picture(step, picture) for picture in step.pictures],
            "values": step.values,
        }

    def _picture(self, step: Step, picture: Picture) -> dict[str, str]:
        caption = self._texts[step.name]["captions"][picture.name]
        return {
            "caption": self._filled(caption, {**step.values, **picture.values}),
            "src": _data_uri(picture.image),
        }

    def _filled(self, text: str, values: Mapping[str, object]) -> str:
        label = str(values.get("label", ""))
        named = {**values, "label": self._labels.get(label, label)}
        return self._formatter.vformat(text, (), named)


class _Numbers(string.Formatter):
    """Writes fractions with the language's comma or point, and minus as minus."""

    def __init__(self, comma: bool) -> None:
        self._point = "," if comma else "."

    def format_field(self, value: Any, format_spec: str) -> str:  # Any: as the base class has it
        text = str(super().format_field(value, format_spec))
        if not isinstance(value, float):
            return text
        return text.replace("-", "\u2212").replace(".", self._point)


def read_sayings() -> dict[str, Say]:
    """By language."""
    folder = files("edgefer.web") / "texts"
    common = read_texts()
    sayings = {}
    for code in LANGUAGES:
        texts = tomllib.loads((folder / f"steps.{code}.toml").read_text("utf-8"))
        sayings[code] = Say(texts, common[code]["labels"], comma=code == "id")
    return sayings


class StepsApi:
    """The one operation, with its texts in memory."""

    def __init__(self) -> None:
        self._sayings = read_sayings()

    async def steps(self, site: Site, request: Request) -> Response:
        asked = request.query_params.get("face", "0")
        if not (asked.isascii() and asked.isdigit() and len(asked) <= 4 and int(asked) < FACES):
            raise Refused(400, "face is the number of a face, from 0")
        say, config = self._sayings[language_of(request)], site.config.web

        def work(serving: Serving) -> dict[str, Any]:
            return say.told(_found(serving, picture, int(asked), config))

        async with one_picture(site, request) as picture:
            return json_answer(await site.predicting.run(work))


def _found(serving: Serving, picture: Upload, face: int, config: WebConfig) -> Steps:
    image = decoded(picture, config)
    try:
        return step_by_step(image, face, serving.detector, serving.engine, serving.model)
    except UnknownName as exc:
        why = f"face {face} is not there; faces: {', '.join(exc.known)}"
        raise Refused(404, why, "no_face") from exc
    except InferenceError as exc:
        raise Busy(f"the models do not answer now: {exc}", 5, "no_models") from exc


def _data_uri(image: Image) -> str:
    _, data = cv2.imencode(".png", image)
    return "data:image/png;base64," + base64.b64encode(data.tobytes()).decode("ascii")


STEP = table(
    name=TEXT,
    title=TEXT,
    sentence=TEXT,
    pictures=array(table(caption=TEXT, src=TEXT)),
    values={"type": "object", "description": "of this step; probabilities by label, and the like"},
)


def operations(config: WebConfig) -> tuple[Operation, ...]:
    """The one operation."""
    answers = {
        200: Answer(
            "Each stage, with its pictures as PNG data URIs.",
            {JSON: table(faces=COUNT, steps=array(STEP))},
        ),
        400: Answer("No picture, a damaged one, several, or a face that is no number."),
        404: Answer("The picture has faces, but not as many."),
        415: Answer("No picture of a kind that is known here."),
        503: Answer("Others wait already, or the models are being loaded."),
    }
    parameters = (
        Parameter("face", "which face, the most certain first", {**COUNT, "maximum": FACES - 1}),
        Parameter("language", "of titles, sentences and captions", {"enum": list(LANGUAGES)}),
    )
    return (
        Operation(
            "POST",
            "/v1/steps",
            StepsApi().steps,
            "Show every stage that one face of a picture goes through",
            answers,
            parameters,
            body={**ONE},
            body_limit=body_limit(config),
            seconds=SECONDS,
        ),
    )
