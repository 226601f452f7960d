"""What a configuration asks for and cannot have, as far as it shows without a camera or a network:
the daemon refuses it before it starts or reloads, and `edgefer config check` before that."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edgefer.config import Config
from edgefer.config_file import place
from edgefer.credentials import read_secret, read_token
from edgefer.engines import find_model
from edgefer.errors import ConfigError, EdgeferError, ModelError
from edgefer.sinks import topics, webhook_url
from edgefer.sinks.tls import client_context
from edgefer.sources import camera_url, check_source
from edgefer.toml_lines import Keys


def check(path: Path, config: Config) -> None:
    """Raises ConfigError for the first setting that cannot be meant, and NotInstalled where one
    needs what is not here; both name the line of `path`, which `config` was read from."""
    for n, camera in enumerate(config.cameras):
        keys: Keys = ("camera", n, "url") if config.camera else ("source", "url")
        with blamed(path, keys, f"camera {camera.name}: "):
            check_source(camera.source.url, camera.source)
    mqtt, webhook = config.mqtt, config.webhook
    if mqtt.host:
        with blamed(path, ("mqtt",)):
            topics.check(mqtt, [camera.name for camera in config.cameras])
            if mqtt.tls:
                client_context("mqtt", mqtt.ca, mqtt.certificate, mqtt.key)
    if webhook.url:
        with blamed(path, ("webhook",)):
            webhook_url.check(webhook)
            if webhook.ca:
                client_context("webhook", webhook.ca)
    if config.jsonl.path and _is_folder(lines := _whole(config.jsonl.path)):
        with blamed(path, ("jsonl", "path")):
            raise ConfigError(f"jsonl.path is {lines}, a folder. Name a file in it")


@dataclass(frozen=True, slots=True)
class Named:
    """A secret that the daemon will read, because the configuration names its place."""

    keys: Keys
    where: str
    read: Callable[[], object]
    """Raises ConfigError where it is not there, or cannot be used."""
    camera: str = ""

    def __str__(self) -> str:
        section, *_, key = self.keys
        return f'camera "{self.camera}".{key}' if section == "camera" else f"{section}.{key}"

    def check(self, path: Path) -> None:
        """Read it as the daemon does; raises ConfigError with the line of `path`."""
        with blamed(path, self.keys, f"camera {self.camera}: " if self.camera else ""):
            self.read()


def secrets(config: Config) -> Iterator[Named]:
    """Those that parts in use name."""
    for n, camera in enumerate(config.cameras):
        if where := camera.source.password:
            keys: Keys = ("camera", n, "password") if config.camera else ("source", "password")
            yield Named(keys, where, partial(camera_url, camera.source), camera.name)
    http, web, mqtt, webhook = config.http, config.web, config.mqtt, config.webhook
    for section, key, where, used, read in (
        ("http", "token", http.token, http.port, read_token),
        ("web", "password", web.password, http.port and web.pages, read_secret),
        ("mqtt", "password", mqtt.password, mqtt.host, read_secret),
        ("webhook", "token", webhook.token, webhook.url, read_token),
    ):
        if where and used:
            yield Named((section, key), where, partial(read, f"{section}.{key}", where))


@contextmanager
def blamed(path: Path, keys: Keys, of: str = "") -> Iterator[None]:
    """Put file and line, and then `of`, in front of an EdgeferError that these keys are to blame
    for, or in a section the key that it names first."""
    try:
        yield
    except EdgeferError as exc:
        if len(keys) == 1 and (named := re.search(rf"\b{keys[0]}\.(\w+)", str(exc))):
            keys = (*keys, named[1])
        exc.args = (f"{place(path, keys)}: {of}{exc}",)
        raise


def notes(config: Config) -> Iterator[str]:
    """What may be meant and yet lacks something: a token for programs; or a model or a folder that
    is not here now, or not for this user."""
    http, web = config.http, config.web
    if http.port and web.pages and web.password and not http.token:
        yield (
            "http.token: none, and the pages have a password: /metrics and the API refuse every "
            "program; only /livez and /readyz answer, to this machine"
        )
    try:
        find_model(config.engine.model)
    except ModelError as exc:
        yield f"engine.model: {exc}"
    except OSError as exc:
        yield f"engine.model: {config.engine.model}: {exc.strerror} (for this user)"
    if config.jsonl.path:
        yield from _no_folder("jsonl.path", _whole(config.jsonl.path).parent)
    if http.port and web.pages and web.benchmarks:
        yield from _no_folder("web.benchmarks", _whole(web.benchmarks))


def _no_folder(key: str, folder: Path) -> Iterator[str]:
    if not _is_folder(folder):
        yield f"{key}: there is no folder {folder}, or this user may not see it"


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # up to Python 3.13, of one that this user may not see
        return False


def _whole(path: str) -> Path:
    return Path(os.path.expanduser(path)).absolute()
