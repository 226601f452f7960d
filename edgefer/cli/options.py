"""Options made from the configuration's fields, so that a setting is spelled once."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from edgefer.config import SECTIONS, Config
from edgefer.config_file import load_config
from edgefer.settings import build_section


def add_settings(parser: argparse.ArgumentParser, *sections: str, skip: str = "") -> None:
    """`--config FILE`, and an option for every setting of `sections` that has a flag."""
    group = parser.add_argument_group(
        "settings", "each is a key of the configuration file too (edgefer config show)"
    )
    group.add_argument("--config", type=Path, metavar="FILE", help="take settings from a TOML file")
    for section in sections:
        for spec in dataclasses.fields(SECTIONS[section]):
            flag = spec.metadata["flag"]
            if not flag or flag == skip:
                continue
            group.add_argument(
                flag, dest=f"{section}.{spec.name}", help=_help(spec), **_parsing(spec)
            )


def settings(args: argparse.Namespace) -> Config:
    """The file's settings, or the defaults, with the given options laid over them."""
    config = load_config(args.config) if args.config else Config()
    for section, kind in SECTIONS.items():
        given = {
            key.partition(".")[2]: value
            for key, value in vars(args).items()
            if key.startswith(section + ".") and value is not None
        }
        if given:
            values = dataclasses.asdict(getattr(config, section)) | given
            record = build_section(kind, values, section)
            config = dataclasses.replace(config, **{section: record})
    return config


def _help(spec: dataclasses.Field[Any]) -> str:
    doc: str = spec.metadata["doc"]
    default = "" if isinstance(spec.default, bool) else f" (default {spec.default})"
    return doc.replace("%", "%%") + default


def _parsing(spec: dataclasses.Field[Any]) -> dict[str, Any]:
    if isinstance(spec.default, bool):
        return {"action": "store_const", "const": True}
    choices = spec.metadata["choices"]
    metavar = {str: "NAME", int: "N", float: "X"}[type(spec.default)]
    if choices:
        metavar = "{" + ",".join(choices) + "}"
    return {"type": type(spec.default), "metavar": metavar}
