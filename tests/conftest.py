"""Fixtures that more than one room uses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of media, data and models that the repository may not hold.

    Beside the repository as `../shared`, or where EDGEFER_SHARED says; without it the test is
    skipped, except in CI, where it must be there.
    """
    folder = Path(os.environ.get("EDGEFER_SHARED", REPOSITORY.parent / "shared"))
    if not folder.is_dir():
        reason = f"no {folder}: put the shared media there or set EDGEFER_SHARED"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder
