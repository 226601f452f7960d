from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import edgefer
from edgefer.engines.ort import OrtEngine
from edgefer.errors import EdgeferError, SpecError, UnknownName
from edgefer.spec import EXPRESSIONS, ModelSpec, Preprocessing

LANDMARKS = ((1.0, 2.0), (3.0, 4.0), (5.0, 6.0), (7.0, 8.0), (9.0, 10.0))


def test_a_spec_survives_json() -> None:
    spec = ModelSpec(
        "m",
        EXPRESSIONS,
        Preprocessing(64, 48, 1, "grey", (0.5,), (0.2,), 0.1, LANDMARKS),
        "probs",
        2_893_395,
        140_500_000,
        "66 %",
        1.0,
        "int8",
        "lightweight 0123456789ab",
        "lightweight",
    )
    assert ModelSpec.from_json(spec.to_json()) == spec
    planes = Preprocessing(48, 48, 2, "grey", (0.5,) * 2, (0.5,) * 2, planes=("equalised", "edges"))
    spec = ModelSpec("m", EXPRESSIONS, planes, temperature=1.25)
    assert ModelSpec.from_json(spec.to_json()) == spec
    assert ModelSpec.from_mapping(json.loads(spec.to_json())).preprocessing == planes


def test_the_packaged_model_from_before_these_fields_still_loads() -> None:
    spec = OrtEngine(Path(edgefer.__file__).parent / "models" / "lightweight.onnx").spec
    assert spec.labels == EXPRESSIONS
    assert spec.preprocessing.planes is None
    assert spec.output == "logits"


def test_a_description_without_the_later_fields_means_what_it_meant() -> None:
    old = {"name": "m", "labels": ["a", "b"], "preprocessing": {"width": 8, "height": 8}}
    spec = ModelSpec.from_json(json.dumps(old))
    assert (spec.temperature, spec.precision, spec.recipe, spec.network) == (1.0, None, "", "")
    assert spec.preprocessing.planes is None


def test_a_newer_models_unknown_field_is_refused_and_says_to_update() -> None:
    for newer in ({"voltage": 3}, {"preprocessing": {"width": 8, "height": 8, "gamma": 2}}):
        fields = {"name": "m", "labels": ["a", "b"], "preprocessing": {"width": 8, "height": 8}}
        with pytest.raises(SpecError, match="update"):
            ModelSpec.from_json(json.dumps(fields | newer))


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": 0},
        {"temperature": -1.0},
        {"temperature": float("nan")},
        {"temperature": float("inf")},
        {"temperature": "warm"},
        {"temperature": 2.0, "output": "probs"},
        {"precision": "fp8"},
    ],
)
def test_an_impossible_temperature_or_precision_is_refused(wrong: dict[str, Any]) -> None:
    fields = {"name": "m", "labels": ["a", "b"], "preprocessing": {"width": 8, "height": 8}}
    ModelSpec.from_mapping(fields | {"temperature": 1, "output": "probs", "precision": "fp16"})
    with pytest.raises((SpecError, UnknownName)):
        ModelSpec.from_mapping(fields | wrong)


def grey(*planes: str, channels: int | None = None, **more: Any) -> Preprocessing:
    n = len(planes) if channels is None else channels
    fields = {"colour": "grey", "mean": (0.5,) * n, "std": (0.5,) * n} | more
    return Preprocessing(8, 8, n, planes=planes, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_one_to_four_planes_are_that_many_channels(n: int) -> None:
    assert grey(*("grey", "equalised", "clahe", "edges")[:n]).channels == n


def test_planes_that_do_not_fit_are_refused() -> None:
    for planes, more in (
        (("grey",) * 5, {}),
        ((), {"channels": 1}),
        (("grey", "edges"), {"channels": 3}),
        (("grey", "edges", "grey"), {"colour": "rgb"}),
    ):
        with pytest.raises(SpecError):
            grey(*planes, **more)
    with pytest.raises(UnknownName) as caught:
        grey("edge")
    assert caught.value.nearest == "edges"


@pytest.mark.parametrize(
    "wrong",
    [
        {"width": 0},
        {"width": "64"},
        {"channels": 2},
        {"channels": 1},
        {"mean": [0.5]},
        {"std": [0.0, 1.0, 1.0]},
        {"margin": 9},
        {"landmarks": [[1, 2]]},
        {"colour": "mauve"},
    ],
)
def test_impossible_preprocessing_is_refused(wrong: dict[str, Any]) -> None:
    fields = {"name": "m", "labels": ["a", "b"], "preprocessing": {"width": 8, "height": 8} | wrong}
    with pytest.raises(EdgeferError) as caught:
        ModelSpec.from_mapping(fields)
    assert caught.value.exit_code in (2, 5)


def test_an_unknown_key_is_refused_with_the_nearest() -> None:
    fields = {"name": "m", "labels": ["a", "b"], "preprocessing": {"widht": 8, "height": 8}}
    with pytest.raises(UnknownName) as caught:
        ModelSpec.from_mapping(fields)
    assert caught.value.nearest == "width"


@pytest.mark.parametrize("labels", [[], ["a"], ["a", "a"]])
def test_labels_must_tell_faces_apart(labels: list[str]) -> None:
    with pytest.raises(SpecError):
        ModelSpec.from_mapping({"name": "m", "labels": labels,
                                "preprocessing": {"width": 8, "height": 8}})  # fmt: skip


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"name": "m"}), "{", "3"])
def test_metadata_that_is_no_spec_is_refused(text: str) -> None:
    with pytest.raises(SpecError):
        ModelSpec.from_json(text)
