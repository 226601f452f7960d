"""A training recipe: a TOML file that says all there is to say about a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgefer.config import build_section, setting
from edgefer.errors import ConfigError, SpecError, UnknownName
from edgefer.files import read_toml
from edgefer.spec import Point, Preprocessing
from edgefer_export.augment import Augmentation
from edgefer_export.zoo import NETWORKS

RECIPES = Path(__file__).parent / "recipes"


@dataclass(frozen=True, slots=True)
class Stage:
    """Some epochs at one input size."""

    size: int = setting(64, "side of the square input, px", least=32, most=1024)
    epochs: int = setting(1, "epochs at this size", least=1)


@dataclass(frozen=True, slots=True)
class Framing:
    """How a detected face is cut so that it looks like the faces trained on.

    Training itself does not use it: it is measured on the data (`edgefer-export geometry`)
    and travels in the finished model.
    """

    margin: float = setting(0.0, "how much larger than the detected box the crop is")
    landmarks: tuple[Point, ...] | None = None
    """See `edgefer.spec.Preprocessing.landmarks`."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """SGD with Nesterov momentum, a short warm-up and a cosine to zero; weights averaged (EMA)."""

    network: str = setting("lightweight", "which network of the zoo", choices=tuple(NETWORKS))
    seed: int = setting(0, "of the first weights, the order of rows and the augmentation", least=0)
    batch: int = setting(128, "rows of one step", least=2)
    lr: float = setting(0.1, "the highest learning rate", least=0)
    momentum: float = setting(0.9, "of SGD", least=0, most=1)
    weight_decay: float = setting(5e-4, "of weights, not of biases and BatchNorm", least=0)
    warmup_epochs: float = setting(2.0, "epochs in which the learning rate rises", least=0)
    ema: float = setting(0.999, "decay of the averaged weights at each step", least=0, most=1)
    votes_weight: float = setting(
        0.3,
        "share of the FER+ votes in the target, beside the standard label",
        least=0,
        most=1,
    )
    mean: float = setting(0.5077, "mean of FER2013's training pixels in 0..1", least=0, most=1)
    std: float = setting(0.2550, "their standard deviation", least=0.001, most=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe(Schedule):
    """A schedule, its stages, its augmentation, and how the finished model frames faces."""

    name: str
    stages: tuple[Stage, ...]
    augmentation: Augmentation = field(default_factory=Augmentation)
    preprocessing: Framing = field(default_factory=Framing)

    def __post_init__(self) -> None:
        if not self.stages:
            raise ConfigError("no [[stages]]; give at least one with size and epochs")
        if self.warmup_epochs >= self.epochs:
            raise ConfigError(
                f"warmup_epochs is {self.warmup_epochs} of {self.epochs} epochs in all; the "
                "learning rate would never fall"
            )
        try:
            self.input()
        except SpecError as exc:
            raise ConfigError(f"[preprocessing]: {exc}") from exc

    @property
    def epochs(self) -> int:
        return sum(stage.epochs for stage in self.stages)

    @property
    def size(self) -> int:
        """The input size of the finished model."""
        return self.stages[-1].size

    def size_at(self, epoch: int) -> int:
        """The input size of an epoch, counted from 0."""
        for stage in self.stages:
            if epoch < stage.epochs:
                return stage.size
            epoch -= stage.epochs
        return self.size

    def input(self) -> Preprocessing:
        """What the finished model expects: grey, three times over."""
        return Preprocessing(
            width=self.size,
            height=self.size,
            colour="grey",
            mean=(self.mean,) * 3,
            std=(self.std,) * 3,
            margin=self.preprocessing.margin,
            landmarks=self.preprocessing.landmarks,
        )


def load_recipe(name: str) -> Recipe:
    """A recipe by its name in `recipes/` or by path; raises ConfigError."""
    path = Path(name) if name.endswith(".toml") else RECIPES / f"{name}.toml"
    if not path.exists():
        raise UnknownName("recipe", name, sorted(p.stem for p in RECIPES.glob("*.toml")))
    table = read_toml(path)
    try:
        return recipe_from(path.stem, table)
    except UnknownName as exc:
        exc.args = (f"{path}: {exc}",)
        raise
    except ConfigError as exc:
        raise ConfigError(f"{path}: {exc}") from exc


def recipe_from(name: str, table: Mapping[str, Any]) -> Recipe:
    """A checked Recipe from parsed TOML or JSON; raises ConfigError."""
    known = [f.name for f in dataclasses.fields(Recipe) if f.name != "name"]
    for key in table:
        if key not in known:
            raise UnknownName("recipe key", key, known)
    plain = {f.name for f in dataclasses.fields(Schedule)}
    schedule = build_section(Schedule, {k: v for k, v in table.items() if k in plain}, "recipe")
    return Recipe(
        name=name,
        stages=tuple(_stage(stage) for stage in table.get("stages", ())),
        augmentation=build_section(Augmentation, _table(table, "augmentation"), "augmentation"),
        preprocessing=_framing(_table(table, "preprocessing")),
        **dataclasses.asdict(schedule),
    )


def _table(table: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, Mapping):
        raise ConfigError(f"{key} is {value!r}; write it as a table, [{key}]")
    return dict(value)


def _stage(values: object) -> Stage:
    if not isinstance(values, Mapping) or not {"size", "epochs"} <= set(values):
        raise ConfigError(f"a stage is {values!r}; give each [[stages]] its size and epochs")
    stage: Stage = build_section(Stage, values, "stages")
    return stage


def _framing(values: dict[str, Any]) -> Framing:
    points = values.pop("landmarks", None)
    try:
        landmarks = None if points is None else tuple((float(x), float(y)) for x, y in points)
    except (TypeError, ValueError) as exc:
        raise ConfigError(f"landmarks are {points!r}; give five [x, y] pairs") from exc
    framing: Framing = build_section(Framing, values, "preprocessing")
    return dataclasses.replace(framing, landmarks=landmarks)
