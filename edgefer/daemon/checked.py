"""What a configuration asks for and cannot have, as far as it shows without opening anything: the
daemon refuses it before it starts or reloads, and `edgefer config check` before that."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgefer.config import Config
from edgefer.config_file import place
from edgefer.engines import find_model
from edgefer.errors import EdgeferError, ModelError
from edgefer.sinks import topics, webhook_url
from edgefer.sources import check_source
from edgefer.toml_lines import Keys


def check(path: Path, config: Config) -> None:
    """Raises ConfigError for the first setting that cannot be meant, and NotInstalled where one
    needs what is not here; both name the line of `path`, which `config` was read from."""
    for n, camera in enumerate(config.cameras):
        with blamed(path, ("camera", n, "url") if config.camera else ("source", "url")):
            try:
                check_source(camera.source.url, camera.source)
            except EdgeferError as exc:
                exc.args = (f"camera {camera.name}: {exc}",)
                raise
    if config.mqtt.host:
        with blamed(path, ("mqtt",)):
            topics.check(config.mqtt, [camera.name for camera in config.cameras])
    if config.webhook.url:
        with blamed(path, ("webhook",)):
            webhook_url.check(config.webhook)


@contextmanager
def blamed(path: Path, keys: Keys) -> Iterator[None]:
    """Put file and line in front of an EdgeferError that these keys are to blame for, or in a
    section the key that it names first."""
    try:
        yield
    except EdgeferError as exc:
        if len(keys) == 1 and (named := re.search(rf"\b{keys[0]}\.(\w+)", str(exc))):
            keys = (*keys, named[1])
        exc.args = (f"{place(path, keys)}: {exc}",)
        raise


def missing(config: Config) -> Iterator[str]:
    """What may be meant and is not here now, or not for this user: a model, a folder."""
    try:
        find_model(config.engine.model)
    except ModelError as exc:
        yield f"engine.model: {exc}"
    except OSError as exc:
        yield f"engine.model: {config.engine.model}: {exc.strerror} (for this user)"
    if config.jsonl.path:
        folder = Path(config.jsonl.path).expanduser().absolute().parent
        if not os.access(folder, os.F_OK):
            yield f"jsonl.path: there is no folder {folder}, or this user may not see it"
