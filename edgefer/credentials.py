"""Secrets: from files, or from systemd's credentials; never printed."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from edgefer.errors import ConfigError

PLACE = "a file, or a name in $CREDENTIALS_DIRECTORY (systemd's LoadCredential)"
"""Where a secret is, in the words of the settings that name one."""

FOLDER = "CREDENTIALS_DIRECTORY"
"""The variable that systemd sets for a service, and for nobody else."""

MOUNTED = Path("/run/secrets")
"""Where Docker and Podman mount secrets; readable by all of the container, by their default."""


class Secret:
    """A string that shows itself only to `reveal`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(...)"


def read_secret(key: str, where: str) -> Secret:
    """The secret that setting `key` names: an absolute path, or a name in $CREDENTIALS_DIRECTORY.

    One newline at its end is not part of it. Raises ConfigError where it cannot be read, is
    empty, is no text, or is a file that every user of this machine can read. A name that does
    not exist is not quoted: it may be the secret itself, written into the wrong file.
    """
    path = Path(os.path.expanduser(where))
    if not path.is_absolute():
        folder = os.environ.get(FOLDER)
        if not folder:
            raise ConfigError(
                f"{key} is a credential's name, and $CREDENTIALS_DIRECTORY is not set. "
                "Give an absolute path, or LoadCredential= in the unit"
            )
        path = Path(folder) / path
        if not path.exists():
            raise ConfigError(
                f"{key} names no credential in {folder}; give it with LoadCredential= in the unit"
            )
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            value = file.read(65536).removesuffix("\n").removesuffix("\r")
    except OSError as exc:
        raise ConfigError(f"{key}: cannot read {path}: {exc.strerror}") from exc
    except UnicodeDecodeError:
        # The error's own text would quote the bytes.
        raise ConfigError(f"{key}: {path} is not UTF-8 text") from None
    if mode & stat.S_IROTH and MOUNTED not in path.parents:
        raise ConfigError(
            f"{key}: every user can read {path} (mode {stat.S_IMODE(mode):o}). "
            f"Close it: chmod o= {path}"
        )
    if not value or not value.isprintable():
        raise ConfigError(f"{key}: {path} must hold the secret on one line, and nothing else")
    return Secret(value)


def read_token(key: str, where: str) -> Secret:
    """The same of what follows "Authorization: Bearer"; raises ConfigError too where no header
    takes it."""
    token = read_secret(key, where)
    if not re.fullmatch("[!-~]+", token.reveal()):
        raise ConfigError(f"{key}: a header takes ASCII without spaces, the token has more")
    return token


def only_in_service(where: str) -> bool:
    """True for the name of a credential where there are none: it is right or wrong only in the
    service that systemd gives it to."""
    return not Path(os.path.expanduser(where)).is_absolute() and not os.environ.get(FOLDER)
