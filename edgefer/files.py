"""Files: written whole or not at all, named by their hash, and read as TOML."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from edgefer.errors import ConfigError, OutputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Write into the yielded file; it takes `path`'s place only once everything is on disk.

    After any error the old file stands as it was and no part is left behind. Raises
    OutputError where the operating system refuses, and as `check_replaceable`.
    """
    check_replaceable(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as exc:
        raise OutputError(f"cannot write {path}: {exc.strerror or exc}") from exc
    finally:
        with suppress(OSError):
            part.unlink()


def check_replaceable(path: Path) -> None:
    """Raises OutputError where something is there that is no regular file: a rename would put a
    file in the place of /dev/null, for root at least. Links are followed."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # not there yet; or writing it tells why not
    if not stat.S_ISREG(mode):
        what = _KINDS.get(stat.S_IFMT(mode), "no regular file")
        raise OutputError(f"cannot write {path}: it is {what}; name a file, or a path that is free")


_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
}


def sha256(path: Path) -> str:
    """The file's SHA-256 as 64 hex digits. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def read_toml(path: Path) -> dict[str, Any]:
    """The file's tables. Raises ConfigError where it cannot be read, or is no TOML."""
    return read_toml_text(path)[1]


def read_toml_text(path: Path) -> tuple[str, dict[str, Any]]:
    """The file's text, and its tables. Raises as `read_toml`."""
    try:
        text = path.read_text(encoding="utf-8")
        tables: dict[str, Any] = tomllib.loads(text)
    except OSError as exc:
        raise ConfigError(f"cannot read {path}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{path} is not text: {exc}") from exc
    except (ValueError, RecursionError) as exc:  # int() takes 4300 digits; brackets nest
        raise ConfigError(f"{path} is not TOML: {exc}") from exc
    return text, tables
