"""`edgefer-export geometry`."""

from __future__ import annotations

import argparse
from pathlib import Path

from edgefer_export.cli.options import Commands, add_data, command, positive, split_of


def add(commands: Commands) -> None:
    p = command(commands, "geometry", call, "Measure where faces stand in the training pictures.")
    p.add_argument("recipe", metavar="RECIPE", help="whose input size counts")
    add_data(p)
    p.add_argument(
        "--yunet", type=Path, metavar="FILE", help="YuNet's model [the one in the model folder]"
    )
    p.add_argument("--rows", type=positive, default=5000, help="pictures [%(default)s]")
    p.add_argument("--seed", type=int, default=0, help="of their choice [%(default)s]")


def call(args: argparse.Namespace) -> None:
    from edgefer.config import DetectorConfig
    from edgefer.detectors import open_detector
    from edgefer.detectors.haar import Haar
    from edgefer.detectors.yunet import YuNet
    from edgefer_export import geometry as g
    from edgefer_export.recipe import load_recipe

    config = DetectorConfig(name="yunet", size=g.CANVAS, min_score=g.MIN_SCORE)
    yunet = YuNet(args.yunet, config) if args.yunet else open_detector(config)
    recipe = load_recipe(args.recipe)
    pictures = g.sample(split_of(args, "train").faces(), args.rows, args.seed)
    found = g.measure(pictures, recipe.size, yunet, Haar(config))
    command = f"edgefer-export geometry {args.recipe} --rows {args.rows} --seed {args.seed}"
    print(g.to_toml(found, f"{command} (train split, digest {pictures.digest()})"))
