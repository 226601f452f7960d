from __future__ import annotations

import re

from benchmarks.readme import README, replaced
from edgefer.config import Config
from edgefer.config_file import to_toml


def test_the_measured_tables_are_those_of_the_result_files() -> None:
    text = README.read_text(encoding="utf-8")
    assert replaced(text) == text, "run: python -m benchmarks --readme-only"


def test_the_configuration_shown_is_the_one_that_is_read() -> None:
    shown = re.findall(r"```toml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert to_toml(Config()).strip() in [block.strip() for block in shown]


def test_every_make_target_of_the_readme_exists() -> None:
    text = README.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z0-9-]+):", (README.parent / "Makefile").read_text(), re.M))
    named = set(re.findall(r"\bmake ([a-z][a-z0-9-]*)", text))
    assert {"demo", "test"} <= named <= targets
