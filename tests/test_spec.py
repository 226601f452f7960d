from __future__ import annotations

import json
from typing import Any

import pytest

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
    )
    assert ModelSpec.from_json(spec.to_json()) == spec


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
