"""POST /v1/steps: what it answers, and that everything is said in every language."""

from __future__ import annotations

import base64
import string
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("jinja2", reason="pip install 'edgefer[web]'")
from edgefer.classifier import Classifier
from edgefer.config import Config, DetectorConfig
from edgefer.data import Box, Detected, Face, Frame, Image
from edgefer.detectors.haar import Haar
from edgefer.engines.ort import OrtEngine
from edgefer.errors import InferenceError
from edgefer.outputs import HttpConfig, WebConfig
from edgefer.protocols import Detector, Engine
from edgefer.spec import ModelSpec
from edgefer.steps import Steps, step_by_step
from edgefer.web import Web
from edgefer.web.serving import Serving
from edgefer.web.steps_api import read_sayings
from edgefer.web.texts import LANGUAGES
from tests.drivers import FixedDetector, MeanEngine
from tests.models import BLOCKS, blocks_onnx
from tests.test_steps import LEFT, RIGHT, WANTED
from tests.web.servers import Daemon, Server, serving

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Ask = Callable[..., Any]  # Any: httpx gives what it finds


@pytest.fixture
def picture() -> Image:
    small = np.random.default_rng(5).integers(0, 256, (9, 16, 3), np.uint8)
    return np.asarray(cv2.resize(small, (160, 90), interpolation=cv2.INTER_CUBIC), np.uint8)


@contextmanager
def asked(
    daemon: Daemon, picture: Image, detector: Detector, engine: Engine, model: Path
) -> Iterator[Ask]:
    """A server with these models, as a function that posts the picture to it."""
    lent = Serving(detector, engine, Classifier(engine), model)
    config = Config(http=HttpConfig(port=0), web=WebConfig(pages=True))
    web = Web(config, daemon.health, daemon.metrics, daemon.status, lend=lambda: nullcontext(lent))
    _, png = cv2.imencode(".png", picture)
    with serving(web) as server:

        def ask(query: str = "", body: bytes = png.tobytes()) -> Any:
            return _post(server, "/v1/steps" + query, body)

        yield ask


def _post(server: Server, path: str, body: bytes) -> Any:
    import httpx

    headers = {"Content-Type": "image/png"}
    return httpx.post(
        server.url + path, content=body, headers=headers, trust_env=False, timeout=60, verify=False
    )


@pytest.fixture
def ask(daemon: Daemon, picture: Image, tmp_path: Path) -> Iterator[Ask]:
    """Two faces, and a model of three blocks."""
    model = blocks_onnx(tmp_path / "blocks.onnx")
    with asked(daemon, picture, FixedDetector((LEFT, RIGHT)), OrtEngine(model), model) as ask:
        yield ask


def test_each_step_comes_with_a_title_a_sentence_and_pictures_that_open(ask: Ask) -> None:
    answer = ask("?face=1")
    assert answer.status_code == 200
    told = answer.json()
    assert told["faces"] == 2
    assert [step["name"] for step in told["steps"]] == [
        "frame", "faces", "crop", "tensor", "maps", "logits", "temperature", "probabilities",
        "evidence",
    ]  # fmt: skip
    for step in told["steps"]:
        assert step["title"]
        assert step["sentence"].endswith(".")
        for picture in step["pictures"]:
            assert picture["caption"]
            kind, _, data = picture["src"].partition(",")
            assert kind == "data:image/png;base64"
            image = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), -1)
            assert image is not None
            assert max(image.shape) < 700


def test_the_probabilities_are_the_classifiers_for_that_face(
    ask: Ask, picture: Image, tmp_path: Path
) -> None:
    engine = OrtEngine(tmp_path / "blocks.onnx")
    answers = Classifier(engine).classify(Detected(Frame(picture, 0, 0.0), (LEFT, RIGHT)))
    for face, answer in enumerate(answers):
        steps = {step["name"]: step for step in ask(f"?face={face}").json()["steps"]}
        told = steps["probabilities"]["values"]["probabilities"]
        assert told == dict(zip(answer.labels, answer.probs, strict=True))


def test_the_language_that_is_asked_for_is_answered(ask: Ask) -> None:
    english = ask("?language=en").json()["steps"]
    indonesian = ask("?language=id").json()["steps"]
    assert english[0]["title"] == "Frame"
    assert indonesian[0]["title"] == "Gambar"
    for one, other in zip(english, indonesian, strict=True):
        assert one["values"] == other["values"]
        assert one["sentence"] != other["sentence"]
    assert "0.90" in english[1]["sentence"]
    assert "0,90" in indonesian[1]["sentence"]


@pytest.mark.parametrize(
    ("query", "code"),
    [("?face=2", 404), ("?face=999", 404), ("?face=1000", 400), ("?face=-1", 400),
     ("?face=one", 400), ("?face=", 400), ("?face=%C2%B2", 400), ("?face=0.5", 400)],
)  # fmt: skip
def test_a_face_that_is_not_there_is_told_from_one_that_is_no_number(
    ask: Ask, query: str, code: int
) -> None:
    answer = ask(query)
    assert answer.status_code == code
    assert ("0, 1" in answer.text) == (code == 404)


def test_what_is_no_picture_is_refused(ask: Ask) -> None:
    assert ask(body=b"").status_code == 400
    assert ask(body=b"#!/bin/sh").status_code == 415


def test_a_picture_without_a_face_ends_with_the_search(
    daemon: Daemon, picture: Image, tmp_path: Path
) -> None:
    model = blocks_onnx(tmp_path / "blocks.onnx")
    with asked(daemon, picture, FixedDetector(()), OrtEngine(model), model) as ask:
        told = ask().json()
    assert told["faces"] == 0
    assert [step["name"] for step in told["steps"]] == ["frame", "faces"]
    assert "no face" in told["steps"][-1]["sentence"]


def test_of_a_plan_the_reason_is_told_in_place_of_the_maps(daemon: Daemon, picture: Image) -> None:
    model = Path("/models/face.plan")
    with asked(daemon, picture, FixedDetector((LEFT,)), MeanEngine(), model) as ask:
        answer = ask()
    steps = {step["name"]: step for step in answer.json()["steps"]}
    assert "face.plan is a plan" in steps["maps"]["sentence"]
    assert steps["maps"]["pictures"] == []
    assert "/models" not in answer.text


def test_models_that_do_not_answer_are_busy_not_broken(
    daemon: Daemon, picture: Image, tmp_path: Path
) -> None:
    def fail(_: Image) -> None:
        raise InferenceError("the device is gone")

    model = blocks_onnx(tmp_path / "blocks.onnx")
    detector = FixedDetector((LEFT,), at=fail)
    with asked(daemon, picture, detector, OrtEngine(model), model) as ask:
        answer = ask()
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


# --- texts ---


def texts(language: str) -> dict[str, Any]:
    path = files("edgefer.web") / "texts" / f"steps.{language}.toml"
    found: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    return found


def flat(table: dict[str, Any], where: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in table.items():
        inside = isinstance(value, dict)
        found |= flat(value, f"{where}{key}.") if inside else {where + key: value}
    return found


def test_all_languages_have_the_same_texts_and_fill_in_the_same_fields() -> None:
    def fields(text: str) -> set[tuple[str, str]]:
        parts = string.Formatter().parse(text)
        return {(name, form or "") for _, name, form, _ in parts if name is not None}

    first, *others = (flat(texts(language)) for language in LANGUAGES)
    for other in others:
        assert list(other) == list(first)
        for key, text in first.items():
            assert fields(other[key]) == fields(text), key
            assert text.strip()
            assert other[key].strip()


def walks(folder: Path, picture: Image) -> Iterator[Steps]:
    """Every way that a picture may go."""

    def walk(spec: ModelSpec = BLOCKS, *faces: Face, hidden: bool = False) -> Steps:
        softmax = spec.output == "probs"
        path = blocks_onnx(folder / "blocks.onnx", spec, hidden=hidden, softmax=softmax)
        return step_by_step(picture, 0, FixedDetector(faces or (LEFT,)), OrtEngine(path), path)

    how = BLOCKS.preprocessing
    yield walk()
    yield walk(replace(BLOCKS, temperature=2.0), LEFT, RIGHT, hidden=True)
    yield walk(replace(BLOCKS, output="probs"))
    aligned = replace(BLOCKS, preprocessing=replace(how, landmarks=WANTED))
    yield walk(aligned)
    yield walk(aligned, RIGHT)
    yield walk(replace(BLOCKS, preprocessing=replace(how, colour="grey")))
    four = replace(how, channels=4, colour="grey", planes=("grey", "equalised", "clahe", "edges"),
                   mean=(0.5,) * 4, std=(0.5,) * 4)  # fmt: skip
    yield walk(replace(BLOCKS, preprocessing=four))
    # A detector that shrinks, or need not; a plan, and a model without maps or without a file
    face = np.asarray(cv2.resize(picture, (640, 360)), np.uint8)
    for size in (320, 640):
        haar = Found(Haar(DetectorConfig(size=size)), (RIGHT,))
        yield step_by_step(face, 0, haar, MeanEngine(), Path("face.plan"))
    yield step_by_step(face, 0, FixedDetector((LEFT,)), MeanEngine(), folder / "absent.onnx")
    yield step_by_step(face, 0, FixedDetector(()), MeanEngine(), Path("face.plan"))


class Found(FixedDetector):
    """Works on the picture of another, and finds what it is told."""

    def __init__(self, inner: Haar, faces: tuple[Face, ...]) -> None:
        super().__init__(faces)
        self.working = inner.working


def test_every_step_has_a_sentence_in_both_languages_and_no_sentence_is_never_said(
    tmp_path: Path, picture: Image
) -> None:
    sayings = read_sayings()
    said: set[str] = set()
    for found in walks(tmp_path, picture):
        for step in found.steps:
            said |= {f"{step.name}.title", *(f"{step.name}.{key}" for key in step.said)}
            said |= {f"{step.name}.captions.{shown.name}" for shown in step.pictures}
        for language, say in sayings.items():
            for told in say.told(found)["steps"]:
                captions = [shown["caption"] for shown in told["pictures"]]
                for text in (told["title"], told["sentence"], *captions):
                    assert text, (language, told["name"])
                    assert "{" not in text
    unsaid = set(flat(texts("en"))) - said
    assert unsaid == {"maps.captions.strongest"}  # of more than 64 maps, as the next test has


def test_of_many_maps_it_is_said_how_many_are_shown(shared: Path) -> None:
    from edgefer.engines import find_model

    model = find_model("lightweight.onnx")
    image = cv2.imread(str(shared / "media" / "astronaut.png"))
    assert image is not None
    detector = FixedDetector((Face(Box(180, 60, 270, 175), 0.9),))
    found = step_by_step(np.asarray(image, np.uint8), 0, detector, OrtEngine(model), model)
    (maps,) = (s for s in read_sayings()["en"].told(found)["steps"] if s["name"] == "maps")
    captions = [shown["caption"] for shown in maps["pictures"]]
    assert captions[-1].startswith("Block 5: the 64 strongest of 256 maps of 4 × 4")


def test_the_label_is_named_in_the_language(tmp_path: Path, picture: Image) -> None:
    found = next(walks(tmp_path, picture))
    labels = {
        language: tomllib.loads((files("edgefer.web") / "texts" / f"{language}.toml").read_text())
        for language in LANGUAGES
    }
    label = next(s for s in found.steps if s.name == "probabilities").values["label"]
    for language, say in read_sayings().items():
        (told,) = (s for s in say.told(found)["steps"] if s["name"] == "probabilities")
        assert f"“{labels[language]['labels'][label]}”" in told["sentence"]
