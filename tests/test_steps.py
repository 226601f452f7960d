"""Step by step: the same answer as the pipeline's, and a step for each thing that happens."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
from contextlib import aclosing
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefer.classifier import Classifier
from edgefer.config import DetectorConfig, SourceConfig
from edgefer.data import Box, Detected, Face, Frame, Image, Landmarks, Reading
from edgefer.detectors.haar import Haar
from edgefer.detectors.shrink import fitting, shrink
from edgefer.detectors.yunet import YuNet
from edgefer.engines import find_model
from edgefer.engines.ort import OrtEngine
from edgefer.engines.shared import SharedEngine, TakingTurns
from edgefer.errors import UnknownName
from edgefer.pipeline import run
from edgefer.preprocessing import placement, planes, warp
from edgefer.sources import open_source
from edgefer.sources.images import read_image
from edgefer.spec import ModelSpec, Preprocessing
from edgefer.steps import Step, Steps, drawing, step_by_step
from tests.drivers import FixedDetector, GatedEngine, MeanEngine
from tests.models import BLOCKS, blocks_onnx

MARKS: Landmarks = ((30.0, 30.0), (50.0, 28.0), (41.0, 40.0), (33.0, 50.0), (49.0, 49.0))
LEFT = Face(Box(20, 15, 60, 60), 0.9, MARKS)
RIGHT = Face(Box(100, 20, 140, 66), 0.8)
WANTED = ((5.0, 5.0), (11.0, 5.0), (8.0, 8.0), (6.0, 11.0), (10.0, 11.0))


@pytest.fixture
def image() -> Image:
    """Soft spots of colour, 160 x 90."""
    small = np.random.default_rng(5).integers(0, 256, (9, 16, 3), np.uint8)
    return np.asarray(cv2.resize(small, (160, 90), interpolation=cv2.INTER_CUBIC), np.uint8)


def spec(**fields: object) -> ModelSpec:
    how = dataclasses.replace(BLOCKS.preprocessing, **fields)  # type: ignore[arg-type]
    return dataclasses.replace(BLOCKS, preprocessing=how)


def walk(
    folder: Path, image: Image, model: ModelSpec = BLOCKS, *faces: Face, index: int = 0
) -> Steps:
    path = blocks_onnx(folder / "blocks.onnx", model, softmax=model.output == "probs")
    return step_by_step(image, index, FixedDetector(faces or (LEFT,)), OrtEngine(path), path)


def named(found: Steps, name: str) -> Step:
    (step,) = (step for step in found.steps if step.name == name)
    return step


def names(found: Steps) -> list[str]:
    return [step.name for step in found.steps]


@pytest.mark.parametrize("index", [0, 3, 11])
def test_the_probabilities_are_the_pipelines_to_the_last_bit(shared: Path, index: int) -> None:
    picture = shared / "media" / "london_group12.jpg"
    detector = YuNet(shared / "models" / "yunet_s_dynamic.onnx", DetectorConfig())
    model = find_model("lightweight.onnx")
    engine = OrtEngine(model)

    async def reading() -> Reading:
        source = open_source(str(picture), SourceConfig(url=str(picture)))
        async with aclosing(run(source, detector, Classifier(engine))) as readings:
            return await anext(readings)

    expected = asyncio.run(reading())
    found = step_by_step(read_image(picture), index, detector, engine, model)
    assert found.faces == expected.faces
    told = named(found, "probabilities").values["probabilities"]
    answer = expected.expressions[index]
    assert told == dict(zip(answer.labels, answer.probs, strict=True))
    assert named(found, "faces").values["faces"] == 12


def test_the_logits_are_what_the_engine_answered_divided_they_give_the_probabilities(
    tmp_path: Path, image: Image
) -> None:
    found = walk(tmp_path, image, dataclasses.replace(BLOCKS, temperature=1.5))
    raw = np.array(list(named(found, "logits").values["logits"].values()))  # type: ignore[attr-defined]
    cooled = np.array(list(named(found, "temperature").values["logits"].values()))  # type: ignore[attr-defined]
    assert np.allclose(cooled, raw / 1.5)
    shares = list(named(found, "probabilities").values["probabilities"].values())  # type: ignore[attr-defined]
    assert np.allclose(shares, np.exp(cooled) / np.exp(cooled).sum(), atol=1e-6)


def test_one_face_in_colour_goes_through_these_steps(tmp_path: Path, image: Image) -> None:
    found = walk(tmp_path, image)
    assert names(found) == ["frame", "faces", "crop", "tensor", "maps", "logits", "temperature",
                            "probabilities", "evidence"]  # fmt: skip
    assert [picture.name for picture in named(found, "tensor").pictures] == [
        "channel_red", "channel_green", "channel_blue",
    ]  # fmt: skip
    assert len(named(found, "maps").pictures) == 3
    assert named(found, "temperature").said == ("one",)
    assert named(found, "evidence").said == ("exact",)


def test_pictures_are_8_bit_colour_and_none_is_large(shared: Path) -> None:
    picture = read_image(shared / "media" / "astronaut.png")
    large = np.asarray(cv2.resize(picture, (3000, 2000)), np.uint8)
    detector = YuNet(shared / "models" / "yunet_s_dynamic.onnx", DetectorConfig())
    model = find_model("lightweight.onnx")
    found = step_by_step(large, 0, detector, OrtEngine(model), model)
    for step in found.steps:
        for shown in step.pictures:
            assert shown.image.dtype == np.uint8
            assert shown.image.shape[2] == 3
            assert max(shown.image.shape) < 700, (step.name, shown.name)


@pytest.mark.parametrize("how", [("grey", "equalised", "edges"), ("clahe",), None])
def test_grey_and_what_is_made_of_it_are_steps_only_where_the_model_has_them(
    tmp_path: Path, image: Image, how: tuple[str, ...] | None
) -> None:
    count = len(how) if how else 1
    grey = spec(channels=count, colour="grey", planes=how, mean=(0.3,) * count, std=(0.2,) * count)
    found = walk(tmp_path, image, grey)
    made = [name for name in how or () if name != "grey"]
    middle = names(found)[names(found).index("crop") + 1 : names(found).index("tensor")]
    assert middle == ["grey", *made]
    crop = np.empty((16, 16, 3), np.uint8)
    warp(image, placement(LEFT, grey.preprocessing), crop)
    plain = np.asarray(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), np.uint8)
    expected = dict(zip(how or (), planes(plain, how or ()), strict=True))  # type: ignore[arg-type]
    for name in middle:
        (shown,) = named(found, name).pictures
        small = shown.image[::16, ::16, 0]  # each pixel is a square of 16
        assert np.array_equal(small, plain if name == "grey" else expected[name]), name


def test_grey_in_three_channels_is_shown_once(tmp_path: Path, image: Image) -> None:
    tensor = named(walk(tmp_path, image, spec(colour="grey")), "tensor")
    assert tensor.said == ("said", "same")
    assert [picture.name for picture in tensor.pictures] == ["channel_grey"]


def test_a_model_that_answers_probabilities_has_no_logits(tmp_path: Path, image: Image) -> None:
    found = walk(tmp_path, image, dataclasses.replace(BLOCKS, output="probs"))
    assert names(found)[-2:] == ["probabilities", "evidence"]
    assert "logits" not in names(found)
    assert named(found, "probabilities").said == ("ready",)


def test_how_the_crop_was_cut_is_said(tmp_path: Path, image: Image) -> None:
    aligned = named(walk(tmp_path, image, spec(landmarks=WANTED)), "crop")
    assert aligned.said == ("landmarks",)
    angle = aligned.values["angle"]
    assert isinstance(angle, float)
    assert 2 < angle < 8  # MARKS lean to the left by about 4 degrees
    assert named(walk(tmp_path, image, spec(landmarks=WANTED), RIGHT), "crop").said == ("instead",)
    assert named(walk(tmp_path, image), "crop").said == ("box",)


def test_of_several_faces_the_one_that_is_asked_for_is_followed(
    tmp_path: Path, image: Image
) -> None:
    found = walk(tmp_path, image, BLOCKS, LEFT, RIGHT, index=1)
    assert named(found, "faces").said == ("many", "box")
    assert named(found, "faces").values["box"] == (100, 20, 140, 66)
    engine = OrtEngine(tmp_path / "blocks.onnx")
    answers = Classifier(engine).classify(Detected(Frame(image, 0, 0.0), (LEFT, RIGHT)))
    told = named(found, "probabilities").values["probabilities"]
    assert told == dict(zip(answers[1].labels, answers[1].probs, strict=True))
    assert answers[0].probs != answers[1].probs


@pytest.mark.parametrize("index", [-1, 2, 7])
def test_a_face_that_is_not_there_is_refused_with_those_that_are(
    tmp_path: Path, image: Image, index: int
) -> None:
    with pytest.raises(UnknownName) as caught:
        walk(tmp_path, image, BLOCKS, LEFT, RIGHT, index=index)
    assert caught.value.known == ("0", "1")


def test_without_a_face_the_steps_end_with_the_search(image: Image) -> None:
    engine = MeanEngine()
    found = step_by_step(image, 0, FixedDetector(()), engine, Path("any.onnx"))
    assert (names(found), found.faces) == (["frame", "faces"], ())
    assert named(found, "faces").said == ("none",)
    assert engine.calls == []


def test_of_a_plan_all_but_the_maps_is_shown(image: Image) -> None:
    found = step_by_step(image, 0, FixedDetector((LEFT,)), MeanEngine(), Path("face.plan"))
    assert named(found, "maps").said == named(found, "evidence").said == ("plan",)
    assert named(found, "maps").values == {"model": "face.plan"}
    assert named(found, "maps").pictures == named(found, "evidence").pictures == ()
    assert "probabilities" in names(found)


def test_where_the_model_cannot_be_opened_up_the_reason_is_told_and_all_else_shown(
    tmp_path: Path, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = blocks_onnx(tmp_path / "blocks.onnx")
    engine = OrtEngine(path)
    monkeypatch.setitem(sys.modules, "onnx", None)
    found = step_by_step(image, 0, FixedDetector((LEFT,)), engine, path)
    assert named(found, "maps").said == named(found, "evidence").said == ("fault",)
    assert "pip install onnx" in str(named(found, "maps").values["why"])
    assert "probabilities" in names(found)


def test_the_reason_does_not_tell_where_the_model_lies(tmp_path: Path, image: Image) -> None:
    model = tmp_path / "absent.onnx"
    found = step_by_step(image, 0, FixedDetector((LEFT,)), MeanEngine(), model)
    why = str(named(found, "maps").values["why"])
    assert "absent.onnx" in why
    assert str(tmp_path) not in why


def test_the_detectors_picture_is_the_one_it_searches(shared: Path) -> None:
    image = read_image(shared / "media" / "astronaut.png")
    small = np.empty((*fitting(image, 320), 3), np.uint8)
    shrink(image, small)
    yunet = YuNet(shared / "models" / "yunet_s_dynamic.onnx", DetectorConfig(size=320))
    haar = Haar(DetectorConfig(size=320))
    grey = cv2.equalizeHist(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY))
    engine, model = MeanEngine(), Path("face.plan")
    for detector, said, expected in (
        (yunet, ("smaller",), small),
        (haar, ("smaller", "equalised"), cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)),
    ):
        for each in (detector, TakingTurns(detector)):
            step = named(step_by_step(image, 0, each, engine, model), "working")
            assert step.said == said
            assert np.array_equal(step.pictures[0].image, expected)
    tiny = np.asarray(cv2.resize(image, (300, 300)), np.uint8)
    assert named(step_by_step(tiny, 0, yunet, engine, model), "working").said == ("same",)


def test_a_shared_engine_is_asked_once_and_for_all_faces(image: Image) -> None:
    engine = GatedEngine()
    engine.finish(2)
    step_by_step(image, 1, FixedDetector((LEFT, RIGHT)), SharedEngine(engine), Path("face.plan"))
    assert [batch.shape for batch in engine.calls] == [(2, 3, 8, 8)]


def test_zero_is_in_the_middle_of_the_colours_and_both_ends_differ() -> None:
    values = np.array([[-2.0, 0.0, 2.0]], np.float32)
    shown = drawing.about_zero(values)
    times = drawing.SHOWN // 3
    below, middle, above = (shown[0, times // 2 + n * times].astype(int) for n in range(3))
    assert below[0] > below[2] + 100  # blue
    assert above[2] > above[0] + 100  # orange
    assert middle.min() > 235


def test_the_strongest_of_many_maps_are_shown_first() -> None:
    maps = np.zeros((100, 4, 4), np.float32)
    maps[40], maps[7] = 2.0, 1.0
    sheet, shown, end = drawing.tiles(maps)
    assert shown == drawing.TILES
    assert end == pytest.approx(2.0)
    first, second, third = (int(sheet[32, 32 + 66 * n].sum()) for n in range(3))
    assert first > second > third


def test_maps_that_hold_nothing_are_drawn_dark() -> None:
    sheet, shown, _ = drawing.tiles(np.zeros((3, 4, 4), np.float32))
    assert shown == 3
    assert sheet[0, 0].tolist() == sheet[30, 30].tolist()
    assert drawing.about_zero(np.zeros((2, 2), np.float32)).shape[0] > 0


def test_maps_that_overflow_are_drawn_all_the_same() -> None:
    maps = np.ones((3, 4, 4), np.float32)
    maps[0, 0, 0], maps[1] = np.inf, np.nan
    assert drawing.tiles(maps)[0].dtype == np.uint8


def test_a_crop_that_reaches_over_the_edge_is_outlined(image: Image) -> None:
    face = Face(Box(-30, -30, 20, 20), 0.9)
    how = Preprocessing(16, 16)
    shown = drawing.placed(image, face, placement(face, how), (16, 16))
    assert 0 < max(shown.shape) <= drawing.SHOWN
