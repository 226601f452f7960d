"""A training recipe: a TOML file that says all there is to say about a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgefer.errors import ConfigError, SpecError, UnknownName
from edgefer.files import read_toml
from edgefer.settings import build_section, setting
from edgefer.spec import EXPRESSIONS, Preprocessing
from edgefer_export.augment import Augmentation
from edgefer_export.data.dataset import KNOWN
from edgefer_export.zoo import NETWORKS

RECIPES = Path(__file__).parent / "recipes"

FER2013_MEAN, FER2013_STD = 0.5077, 0.2550
"""Of FER2013's training pixels in 0..1."""


@dataclass(frozen=True, slots=True)
class Basics:
    """What is trained, and from which numbers."""

    network: str = setting("lightweight", "which network of the zoo", choices=tuple(NETWORKS))
    seed: int = setting(0, "of the first weights, the order of rows and the augmentation", least=0)
    batch: int = setting(128, "rows of one step", least=2)
    ema: float = setting(
        0.999, "decay of the averaged weights at each step; 0: no average", least=0, most=1
    )
    keep: str = setting(
        "last",
        "which epoch is the model: the last, or best by validation accuracy",
        choices=("last", "best"),
    )
    autocast: bool = setting(True, "half precision where it is safe; float32 weights all the same")


@dataclass(frozen=True, slots=True)
class Stage:
    """Some epochs at one input size."""

    size: int = setting(64, "side of the square input, px", least=32, most=1024)
    epochs: int = setting(1, "epochs at this size", least=1)


@dataclass(frozen=True, slots=True)
class Optimizer:
    """Which steps are taken; biases and BatchNorm are never decayed."""

    name: str = setting("sgd", "sgd is with Nesterov momentum", choices=("sgd", "adam", "adamw"))
    lr: float = setting(0.1, "the highest learning rate", least=0)
    momentum: float = setting(0.9, "of sgd", least=0, most=1)
    weight_decay: float = setting(5e-4, "of weights", least=0)
    clip: float = setting(0.0, "the gradients' norm is cut to this; 0: never", least=0)


@dataclass(frozen=True, slots=True)
class Schedule:
    """How the learning rate changes."""

    name: str = setting(
        "cosine",
        "cosine to 0; plateau: lower where validation accuracy stalls; constant",
        choices=("cosine", "plateau", "constant"),
    )
    warmup_epochs: float = setting(2.0, "epochs in which the learning rate rises", least=0)
    cycles: int = setting(1, "how often the cosine starts again, in equal parts", least=1)
    patience: int = setting(10, "epochs without a better accuracy that are borne", least=1)
    factor: float = setting(0.1, "of the learning rate, that is left then", least=0, most=1)


@dataclass(frozen=True, slots=True)
class Target:
    """What the network is told to answer."""

    votes: float = setting(
        0.0, "share of the FER+ votes, beside the standard label", least=0, most=1
    )
    teacher: float = setting(
        0.0, "share of a teacher's answers to the picture and its mirror", least=0, most=1
    )
    smoothing: float = setting(0.0, "share of all expressions alike", least=0, most=1)
    balance: float = setting(
        0.0, "rows weigh 1 / (rows of their expression) to this power", least=0, most=1
    )
    mixup: float = setting(0.0, "alpha of the Beta by which pictures are blended", least=0)
    cutmix: float = setting(0.0, "alpha of the Beta by which patches are exchanged", least=0)


@dataclass(frozen=True, slots=True)
class Data:
    """Which rows are trained on."""

    validation: float = setting(
        0.2, "share held out where the data have no official split", least=0.01, most=0.9
    )
    expressions: tuple[str, ...] = EXPRESSIONS
    """What the network can answer, in its order; other rows are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe(Basics):
    """All of it."""

    name: str
    stages: tuple[Stage, ...]
    optimizer: Optimizer = field(default_factory=Optimizer)
    schedule: Schedule = field(default_factory=Schedule)
    target: Target = field(default_factory=Target)
    augmentation: Augmentation = field(default_factory=Augmentation)
    data: Data = field(default_factory=Data)
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    """What of `edgefer.spec.Preprocessing` differs from three times FER2013's grey. Margin and
    landmarks are not used in training: they say how a face in a frame is cut so that it looks
    like the faces trained on (measured by `edgefer-export geometry`)."""

    def __post_init__(self) -> None:
        if not self.stages:
            raise ConfigError("no [[stages]]; give at least one with size and epochs")
        if self.schedule.warmup_epochs >= self.epochs:
            raise ConfigError(
                f"[schedule] warmup_epochs is {self.schedule.warmup_epochs:g} of {self.epochs} "
                "epochs in all, so the learning rate would never fall; set it below that"
            )
        if self.target.votes + self.target.teacher + self.target.smoothing > 1:
            raise ConfigError("[target]: votes, teacher and smoothing are more than 1 together")
        self.input()

    @property
    def epochs(self) -> int:
        return sum(stage.epochs for stage in self.stages)

    @property
    def size(self) -> int:
        """The input size of the finished model."""
        return self.stages[-1].size

    @property
    def expressions(self) -> tuple[str, ...]:
        return self.data.expressions

    def stage_at(self, epoch: int) -> tuple[Stage, int]:
        """The stage of an epoch counted from 0, and how many epochs of it lie behind."""
        for stage in self.stages:
            if epoch < stage.epochs:
                return stage, epoch
            epoch -= stage.epochs
        return self.stages[-1], self.stages[-1].epochs

    def input(self, size: int | None = None) -> Preprocessing:
        """What the network expects, at a size or the finished model's. Raises ConfigError."""
        side = size or self.size
        given: dict[str, Any] = {"colour": "grey", "mean": FER2013_MEAN, "std": FER2013_STD}
        given |= {"width": side, "height": side, **self.preprocessing}
        planes = given.get("planes")
        given.setdefault("channels", 3 if planes is None else len(planes))
        for key in ("mean", "std"):  # one number serves every channel
            if isinstance(given[key], (int, float)):
                given[key] = (given[key],) * given["channels"]
        try:
            return Preprocessing.from_mapping(given)
        except UnknownName:
            raise
        except SpecError as exc:
            raise ConfigError(f"[preprocessing]: {exc}") from exc


def load_recipe(name: str, **changes: Any) -> Recipe:
    """A recipe by its name in `recipes/` or by path, with some top keys changed (such as
    `network`); raises ConfigError."""
    path = Path(name) if name.endswith(".toml") else RECIPES / f"{name}.toml"
    if not path.exists():
        if path.parent != RECIPES:
            raise ConfigError(f"there is no recipe {path}")
        raise UnknownName("recipe", name, sorted(p.stem for p in RECIPES.glob("*.toml")))
    table = read_toml(path) | {key: value for key, value in changes.items() if value is not None}
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
    plain = {f.name for f in dataclasses.fields(Basics)}
    basics = build_section(Basics, {k: v for k, v in table.items() if k in plain}, "recipe")
    return Recipe(
        name=name,
        stages=tuple(_stage(stage) for stage in table.get("stages", ())),
        optimizer=_section(Optimizer, table, "optimizer"),
        schedule=_section(Schedule, table, "schedule"),
        target=_section(Target, table, "target"),
        augmentation=_section(Augmentation, table, "augmentation"),
        data=_data(_table(table, "data")),
        preprocessing=_table(table, "preprocessing"),
        **dataclasses.asdict(basics),
    )


def _section(kind: type, table: Mapping[str, Any], key: str) -> Any:
    return build_section(kind, _table(table, key), key)


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


def _data(values: dict[str, Any]) -> Data:
    expressions = values.pop("expressions", EXPRESSIONS)
    if isinstance(expressions, str) or len(set(expressions)) < 2:
        raise ConfigError(f"[data] expressions are {expressions!r}; list two or more")
    for name in expressions:
        if name not in KNOWN:
            raise UnknownName("expression in [data]", str(name), KNOWN)
    data: Data = build_section(Data, values, "data")
    return dataclasses.replace(data, expressions=tuple(expressions))
