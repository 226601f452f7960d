"""What a command is about to write, checked before it does anything: no file that it reads, no
name given twice, no place that cannot be written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

from edgefer.addresses import scheme
from edgefer.config import model_folder
from edgefer.detectors import YUNET_FILE
from edgefer.engines import find_model
from edgefer.errors import ConfigError, OutputError, SourceError
from edgefer.files import check_replaceable
from edgefer.manifest import manifest_path


def check_apart(outputs: Sequence[Path | None], inputs: Iterable[Path]) -> None:
    """Raises ConfigError where an output is one of the inputs, or another output, under whatever
    name; those that are None were not asked for."""
    written = [path for path in outputs if path is not None]
    read = tuple(inputs)
    for n, output in enumerate(written):
        if any(_same(output, path) for path in read):
            raise ConfigError(
                f"{output} would be overwritten: this command reads it. Give another name"
            )
        if any(_same(output, path) for path in written[:n]):
            raise ConfigError(
                f"{output} would be overwritten: it is named for two outputs. Give each its name"
            )


def check_writable(path: Path | None) -> None:
    """Raises OutputError where no file can take this place; None was not asked for."""
    if path is None:
        return
    check_replaceable(path)
    folder = path.absolute().parent
    # In this order: is_dir raises where the folder may not be looked at.
    if not (os.access(folder, os.W_OK | os.X_OK) and folder.is_dir()):
        raise OutputError(f"cannot write {path}: its folder is not there, or not yours to write")


def inputs_of(url: str, models: Iterable[str], config: Path | None) -> Iterator[Path]:
    """The files that recognising reads: of a source, of engines and the detector, of the settings.
    Raises as `find_model`."""
    yield from _of_source(url)
    for model in models:
        path = find_model(model)
        yield path
        yield path.with_name(path.name + ".toml")
        if path.suffix != ".onnx":
            yield manifest_path(path)
    yield model_folder() / YUNET_FILE
    if config is not None:
        yield config


def _of_source(url: str) -> tuple[Path, ...]:
    """None of a camera, a stream or a drawn scene."""
    match scheme(url):
        case "file":
            text = unquote(url.removeprefix("file://"))
        case "":
            text = url
        case _:
            return ()
    if not text:
        return ()
    path = Path(os.path.expanduser(text))
    with suppress(SourceError, OSError):  # told where the source is opened
        if path.is_file():
            return (path,)
        from edgefer.sources import images  # loads OpenCV

        return images.find(path)
    return ()


def _same(one: Path, other: Path) -> bool:
    """By the file itself where both are there: it may have several names."""
    try:
        return one.samefile(other)
    except OSError:
        return os.path.realpath(one) == os.path.realpath(other)
