"""`edgefer config`: show the settings, describe them as JSON Schema, or check a file."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from edgefer.addresses import without_password
from edgefer.config import Config
from edgefer.config_file import check_mode, load_config, to_schema, to_toml
from edgefer.credentials import only_in_service
from edgefer.errors import ConfigError


def add(commands: Any) -> None:  # Any: argparse names no type for this
    parser = commands.add_parser(
        "config",
        help="show the documented default configuration, or check a file",
        description="The configuration is one TOML file. An unknown key is an error that names "
        "the nearest known one.",
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    show = actions.add_parser("show", help="print every setting, its documentation and default")
    show.set_defaults(call=_show)
    schema = actions.add_parser("schema", help="print the file's JSON Schema, for editors")
    schema.set_defaults(call=_schema)
    check = actions.add_parser(
        "check",
        help="read FILE and say whether it is right",
        description="Read FILE as the daemon does, its mode and the secrets that it names too, and "
        "say what it names; and note what is not here now. Cameras are not opened, and secrets not "
        "shown.",
    )
    check.add_argument("file", type=Path, metavar="FILE", help="a TOML file, as show prints it")
    check.set_defaults(call=_check)


def _show(_: argparse.Namespace) -> int:
    print(to_toml(Config()), end="")
    return 0


def _schema(_: argparse.Namespace) -> int:
    print(json.dumps(to_schema(), indent=2, ensure_ascii=False))
    return 0


def _check(args: argparse.Namespace) -> int:
    check_mode(args.file)
    config = load_config(args.file)
    # Imported here: the other actions need no numpy.
    from edgefer.daemon import checked

    checked.check(args.file, config)
    secrets = tuple(checked.secrets(config))
    for secret in secrets:
        try:
            if not only_in_service(secret.where):
                secret.check(args.file)
        except ConfigError as exc:
            if isinstance(exc.__cause__, PermissionError):
                raise ConfigError(f"{exc}. Check as root: sudo edgefer config check") from exc
            raise
    print(f"{args.file}: every key is known, and every value can be meant")
    for camera in config.cameras:
        print(f"camera   {camera.name}: {without_password(camera.source.url)}")
    for name, where in (
        ("jsonl", config.jsonl.path),
        ("mqtt", config.mqtt.host),
        ("webhook", _host_of(config.webhook.url)),
        ("http", f"{config.http.host}, port {config.http.port}" if config.http.port else ""),
        ("web", _pages(config)),
    ):
        print(f"{name:<8} {where or 'none'}")
    for secret in secrets:
        unknown = only_in_service(secret.where)  # and then perhaps no name, but the secret itself
        place = "a credential, which only the service has: not checked" if unknown else secret.where
        print(f"secret   {secret}: {place}")
    for note in checked.notes(config):
        print(f"note     {note}")
    return 0


def _pages(config: Config) -> str:
    if not config.web.pages:
        return ""
    return "pages, and what the cameras see" if config.web.preview else "pages without pictures"


def _host_of(url: str) -> str:
    """Of a webhook no more: its path often is a secret of its own."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that cannot be read"
    return url and f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
