from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from edgefer.errors import ConfigError, UnknownName
from edgefer_export.recipe import RECIPES, load_recipe, recipe_from

STAGES = "[[stages]]\nsize = 48\nepochs = 3\n"


def written(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_shipped_recipe_ends_at_the_published_size() -> None:
    recipe = load_recipe("lightweight")
    assert recipe.size == 64
    assert [recipe.stage_at(e)[0].size for e in (0, 41, 42, recipe.epochs - 1)] == [48, 48, 64, 64]


def test_the_shipped_recipe_frames_faces_symmetrically() -> None:
    how = load_recipe("lightweight").input()
    assert how.landmarks is not None
    right_eye, left_eye, nose, right_mouth, left_mouth = how.landmarks
    for right, left in ((right_eye, left_eye), (right_mouth, left_mouth)):
        assert right[0] + left[0] == pytest.approx(63)
        assert right[1] == left[1]
    assert nose[0] == 31.5
    assert right_eye[1] < nose[1] < right_mouth[1] < 64


def test_a_recipe_survives_json() -> None:
    recipe = load_recipe("lightweight")
    table = json.loads(json.dumps(dataclasses.asdict(recipe)))
    assert recipe_from(table.pop("name"), table) == recipe


def test_an_unknown_recipe_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownName) as caught:
        load_recipe("lightwieght")
    assert caught.value.nearest == "lightweight"


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("bach = 3\n" + STAGES, "batch"),
        ("stage = 1\n", "stages"),
        (STAGES + "[augmentation]\nflipp = 0.5\n", "flip"),
        (STAGES.replace("size", "siz") + "size = 48\n", "size"),
        (STAGES + "[preprocessing]\nmargn = 0.1\n", "margin"),
        ('network = "lightwight"\n' + STAGES, "lightweight"),
        (STAGES + '[data]\nexpressions = ["happy", "saad"]\n', "sad"),
        (STAGES + '[optimizer]\nname = "adm"\n', "adam"),
    ],
)
def test_a_misspelt_key_is_answered_with_the_nearest(
    tmp_path: Path, text: str, nearest: str
) -> None:
    with pytest.raises(UnknownName) as caught:
        load_recipe(written(tmp_path / "a.toml", text))
    assert caught.value.nearest == nearest


@pytest.mark.parametrize(
    "text",
    [
        "",
        "lr =",
        STAGES + '[optimizer]\nlr = "fast"\n',
        STAGES + "[optimizer]\nlr = nan\n",
        STAGES + "[target]\nvotes = 1.5\n",
        STAGES + "[target]\nvotes = 0.5\nteacher = 0.6\n",
        "batch = 1\n" + STAGES,
        STAGES + "[schedule]\nwarmup_epochs = 3\n",
        STAGES + '[data]\nexpressions = "happy"\n',
        STAGES + "[preprocessing]\nchannels = 2\n",
        "stages = [3]\n",
        "[[stages]]\nsize = 48\n",
        "[[stages]]\nsize = 16\nepochs = 1\n",
        "augmentation = 3\n" + STAGES,
        STAGES + "[augmentation]\nflip = 2\n",
        STAGES + "[preprocessing]\nlandmarks = [[1, 2]]\n",
        STAGES + "[preprocessing]\nlandmarks = [1, 2, 3, 4, 5]\n",
        STAGES + "[preprocessing]\nmargin = 9\n",
    ],
)
def test_a_recipe_that_cannot_be_meant_is_refused_with_its_file(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"a\.toml"):
        load_recipe(written(tmp_path / "a.toml", text))


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_recipe_can_be_read(path: Path) -> None:
    recipe = load_recipe(path.stem)
    assert recipe.name == path.stem
    assert recipe.epochs > recipe.schedule.warmup_epochs


@pytest.mark.parametrize(
    ("name", "network", "optimizer", "lr", "epochs", "batch", "size"),
    [
        ("robot-2024", "lightweight", "adam", 1e-4, 100, 16, 64),
        ("ristiawanto", "resnet50-bottleneck", "sgd", 0.01, 60, 32, 48),
        ("istiqomah-2024", "resnet50-bottleneck", "adam", 1e-4, 8, 8, 48),
        ("nugroho-2020", "model-b", "adam", 1e-3, 50, 64, 48),
    ],
)
def test_the_papers_recipes_say_what_the_papers_say(
    name: str, network: str, optimizer: str, lr: float, epochs: int, batch: int, size: int
) -> None:
    recipe = load_recipe(name)
    assert (recipe.network, recipe.batch, recipe.size) == (network, batch, size)
    assert (recipe.optimizer.name, recipe.optimizer.lr) == (optimizer, lr)
    assert recipe.epochs == epochs


def test_the_papers_pixels_are_scaled_as_the_papers_scale_them() -> None:
    for name in ("ristiawanto", "robot-2024", "istiqomah-2024"):  # to (-1, 1)
        how = load_recipe(name).input()
        assert set(how.mean) == set(how.std) == {0.5}
    assert load_recipe("istiqomah-2024").input().planes == ("equalised", "equalised", "edges")
    assert load_recipe("ristiawanto").input().channels == 1


def test_a_setting_on_the_command_line_replaces_the_recipes() -> None:
    recipe = load_recipe("quick", network="lightweight-residual", seed=None)
    assert recipe.network == "lightweight-residual"
    assert recipe.seed == load_recipe("quick").seed
