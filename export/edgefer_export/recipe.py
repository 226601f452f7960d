"""A training recipe: a TOML file that says all there is to say about a run."""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgefer.errors import ConfigError, UnknownName
from edgefer_export.augment import Augmentation

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

RECIPES = Path(__file__).parent / "recipes"


@dataclass(frozen=True, slots=True)
class Stage:
    """Some epochs at one input size."""

    size: int
    epochs: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """SGD with Nesterov momentum, a short warm-up and a cosine to zero; weights averaged (EMA)."""

    name: str
    stages: tuple[Stage, ...]
    seed: int = 0
    batch: int = 128
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    warmup_epochs: float = 2
    ema: float = 0.999
    votes_weight: float = 0.3
    """Share of the FER+ votes in the target; the rest is the standard label."""
    mean: float = 0.5077
    std: float = 0.2550
    """Of FER2013's training pixels in 0..1."""
    augmentation: Augmentation = field(default_factory=Augmentation)

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


def load_recipe(name: str) -> Recipe:
    """A recipe by its name in `recipes/` or by path; raises ConfigError."""
    path = Path(name) if name.endswith(".toml") else RECIPES / f"{name}.toml"
    if not path.exists():
        raise UnknownName("recipe", name, sorted(p.stem for p in RECIPES.glob("*.toml")))
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as exc:
        raise ConfigError(f"{path} is not TOML: {exc}") from exc
    table["stages"] = tuple(Stage(**_known(Stage, s)) for s in table.get("stages", ()))
    if not table["stages"]:
        raise ConfigError(f"{path} has no [[stages]]; give at least one with size and epochs")
    if "augmentation" in table:
        table["augmentation"] = Augmentation(**_known(Augmentation, table["augmentation"]))
    return Recipe(**_known(Recipe, {"name": path.stem, **table}))


def _known(kind: type, table: dict[str, Any]) -> dict[str, Any]:
    names = [f.name for f in dataclasses.fields(kind)]
    for key in table:
        if key not in names:
            raise UnknownName(f"{kind.__name__.lower()} key", key, names)
    return table
