from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from edgefer.errors import OutputError
from edgefer.files import replacing, sha256


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_after_an_error_the_old_file_stands_and_no_part_is_left(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")
    with pytest.raises(TypeError), replacing(path) as file:
        file.writelines([b"half", None])  # type: ignore[list-item]
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="absent"), replacing(tmp_path / "absent" / "out"):
        pass


@pytest.mark.parametrize("linked", [False, True])
def test_what_is_no_regular_file_is_not_replaced(linked: bool, tmp_path: Path) -> None:
    pipe, path = tmp_path / "pipe", tmp_path / "out"
    os.mkfifo(pipe if linked else path)
    if linked:
        path.symlink_to(pipe)
    with pytest.raises(OutputError, match="a named pipe; name a file"), replacing(path):
        pass
    assert stat.S_ISFIFO(path.stat().st_mode)
    assert path.is_symlink() == linked


def test_a_link_to_a_file_or_to_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old")
    for target in ("old", "absent"):
        path = tmp_path / f"to-{target}"
        path.symlink_to(tmp_path / target)
        with replacing(path) as file:
            file.write(b"new")
        assert path.read_bytes() == b"new"


def test_sha256_is_the_known_one(tmp_path: Path) -> None:
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    assert sha256(path).startswith("ba7816bf8f01cfea414140de5dae2223")
