"""`edgefer health`: ask the daemon of this machine how it is, as probes do."""

from __future__ import annotations

import argparse
import http.client
import ipaddress
import json
from pathlib import Path
from typing import Any

from edgefer.addresses import listening_address
from edgefer.cli.daemon import PLACE
from edgefer.config_file import load_config
from edgefer.credentials import read_secret
from edgefer.errors import ConfigError, EdgeferError
from edgefer.outputs import HttpConfig

NOT_GOOD = 1
"""The exit code where the daemon says no."""

ANSWER = 10.0
"""Seconds that an answer may take: so long the daemon keeps a client (web/connections.py)."""

LARGEST = 1 << 20
"""Bytes of an answer that are read; a reason is a line of text."""


def add(commands: Any) -> None:  # Any: argparse names no type for this
    parser = commands.add_parser(
        "health",
        help="ask the running daemon whether it is well, and if not, why",
        description="Ask the daemon of this machine whether all that it needs works (/readyz), "
        "and print a line for each reason why not. The exit code is 0 where it does, and "
        f"{NOT_GOOD} where it does not or nobody answers, and 2 where the configuration cannot be "
        "used, such as one whose token is not the daemon's.",
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="the daemon's, for its address and token in [http] (default "
        f"{PLACE} where there is one, else the defaults)",
    )
    parser.add_argument(
        "--live",
        action="store_true",
        help="ask only whether every part works or recovers (/livez): a camera that is waited "
        "for is no fault",
    )
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    parser.set_defaults(call=call)


def call(args: argparse.Namespace) -> int:
    path = args.config or PLACE
    try:
        config = settings(args.config)
        token = read_secret("http.token", config.token).reveal() if config.token else ""
    except ConfigError as exc:
        if isinstance(exc.__cause__, PermissionError):
            raise ConfigError(f"{exc}. Ask as root: sudo edgefer health") from exc
        raise
    if not config.port:
        raise ConfigError(
            f"{path} has [http] port = 0, so that nobody can ask the daemon. Give it a port "
            "and reload the daemon"
        )
    told = ask(config, "/livez" if args.live else "/readyz", token, path)
    if args.json:
        print(json.dumps(told, ensure_ascii=False))
        return 0 if told["good"] else NOT_GOOD
    if told["good"]:
        print("alive" if args.live else "ready")
    for line in (*told["reasons"], *(f"note: {note}" for note in told["notes"])):
        print(" ".join(line.split()))
    return 0 if told["good"] else NOT_GOOD


def settings(path: Path | None) -> HttpConfig:
    """Where the daemon is asked: as this file says, or PLACE, or where that is absent the
    defaults. Raises ConfigError."""
    if path is None:
        try:
            PLACE.stat()
        except FileNotFoundError:
            return HttpConfig()
        except OSError:
            pass  # reading it says why
    return load_config(path or PLACE).http


def ask(config: HttpConfig, path: str, token: str, file: Path) -> dict[str, Any]:
    """Whether it is "good", the "reasons" why not, and "notes". Raises ConfigError where the
    token is not the daemon's, and EdgeferError where no daemon answers; both name `file` as what
    to look at.

    http.client, not urllib.request: that would ask a proxy of the environment, and take the token
    wherever an answer redirects it.
    """
    host = str(_reached(config.host))
    where = f"[{host}]:{config.port}" if ":" in host else f"{host}:{config.port}"
    connection = http.client.HTTPConnection(host, config.port, timeout=ANSWER)
    # As bytes: a token that is no ASCII, which no daemon takes, is answered 401 like any other.
    headers = {"Authorization": f"Bearer {token}".encode()} if token else {}
    try:
        connection.request("GET", path, headers=headers)
        with connection.getresponse() as answer:
            status, body = answer.status, answer.read(LARGEST)
    except (OSError, http.client.HTTPException) as exc:
        raise EdgeferError(
            f"no daemon answers at {where}: {str(exc) or type(exc).__name__}. Does it run "
            f"(systemctl status edgefer), and with the [http] of {file}?"
        ) from exc
    finally:
        connection.close()
    if status == 401:
        lacks = "another token than {} names" if token else "a token, and {} names none"
        raise ConfigError(
            f"the daemon at {where} wants {lacks.format(file)}. Name its own as token in [http]; "
            "where it was changed since the daemon read it: systemctl reload edgefer"
        )
    try:
        told = json.loads(body)
        return {
            "good": bool(told["good"]),
            "reasons": [str(reason) for reason in told["reasons"]],
            "notes": [str(note) for note in told["notes"]],
        }
    except (ValueError, TypeError, KeyError) as exc:
        raise EdgeferError(
            f"something else than an edgefer daemon answers at {where} (status {status}). Give "
            f"the daemon a port of its own: [http] port in {file}"
        ) from exc


def _reached(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address at which one is reached who listens at `host`."""
    address = listening_address("http.host", host)
    if not address.is_unspecified:
        return address
    return ipaddress.ip_address("127.0.0.1" if address.version == 4 else "::1")
