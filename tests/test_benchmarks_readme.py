"""The README's sections are made from the result files, and of nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.claims import RESULTS
from benchmarks.readme import README, common
from benchmarks.readme.curves import following, scaling


def altered(
    name: str, to: Path, monkeypatch: pytest.MonkeyPatch, **changes: object
) -> dict[str, Any]:  # Any: JSON
    """The record of that name, with other figures, in the place of the one that was measured."""
    record: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text()) | changes
    (to / f"{name}.json").write_text(json.dumps(record))
    monkeypatch.setattr(common, "RESULTS", to)
    return record


def test_the_curves_are_there_and_explained_by_their_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (README.parent / "benchmarks/results/scaling.png").is_file()
    assert "(results/scaling.png)" in scaling()
    cost = {"frame": 6.6, "face": 1.1, "knee": 6.0}
    record = altered("scaling", tmp_path, monkeypatch, cost=cost, workers=17)
    told = scaling()
    for words in ("6.6 ms of a processor", "1.1 ms more", "at 6.0 faces", "all 17 cores"):
        assert words in " ".join(told.split())
    assert f"| {record['faces'][-1]['fps']:.1f} |" in told


def test_following_tells_how_often_nothing_was_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = json.loads((RESULTS / "following.json").read_text())
    skipped = record["skipped"] | {"still, gate": 0.77, "every 3": 0.55}
    altered("following", tmp_path, monkeypatch, skipped=skipped)
    told = " ".join(following().split())
    assert "left out 77 % of the searches" in told
    assert "| 55 % |" in told
