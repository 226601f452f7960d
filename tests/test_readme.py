from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.readme import PAGES, README, replaced
from edgefer.config import Config
from edgefer.config_file import to_toml


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_the_measured_tables_are_those_of_the_result_files(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert replaced(page) == text, "run: python -m benchmarks --readme-only"


def test_every_page_that_a_page_points_to_is_there() -> None:
    for page in (*PAGES, *README.parent.glob("*/README.md")):
        text = page.read_text(encoding="utf-8")
        for target, _, anchor in (
            link.partition("#") for link in re.findall(r"\]\(([^)\s]+)\)", text)
        ):
            if "://" in target:
                continue
            there = page.parent / target if target else page
            assert there.exists(), f"{page}: {target}"
            if anchor:
                titles = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.M)
                known = [re.sub(r"[^a-z0-9 -]", "", t.lower()).replace(" ", "-") for t in titles]
                assert anchor in known, f"{page}: {target}#{anchor}"


def test_the_configuration_shown_is_the_one_that_is_read() -> None:
    shown = re.findall(r"```toml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert to_toml(Config()).strip() in [block.strip() for block in shown]


def test_every_make_target_of_the_readme_exists() -> None:
    text = README.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z0-9-]+):", (README.parent / "Makefile").read_text(), re.M))
    named = set(re.findall(r"\bmake ([a-z][a-z0-9-]*)", text))
    assert {"demo", "test"} <= named <= targets
