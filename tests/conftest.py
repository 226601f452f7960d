"""Fixtures that more than one room uses."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
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


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """12 MiB that only this test writes to."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(disk)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here (run as root): {mounted.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
