from __future__ import annotations

import dataclasses

from edgefer.config import SECTIONS, CameraConfig, Config, SourceConfig
from edgefer.settings import build_section


def test_every_setting_is_documented() -> None:
    for kind in SECTIONS.values():
        assert kind.__doc__
        assert all(spec.metadata["doc"] for spec in dataclasses.fields(kind))


def test_the_defaults_are_allowed_values() -> None:
    for name, kind in SECTIONS.items():
        assert build_section(kind, dataclasses.asdict(kind()), name) == kind()


def test_without_tables_source_is_the_one_camera() -> None:
    source = SourceConfig(url="test://")
    assert Config(source=source).cameras == (CameraConfig("camera", source),)
