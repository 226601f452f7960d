"""Addresses: kinds of URLs, the passwords in them, and where a server may listen."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import quote

from edgefer.errors import ConfigError, UnknownName

SCHEMES = ("demo", "test", "file", "v4l2", "rtsp", "rtsps", "csi", "gst")
"""What a URL may begin with; without one it is a path."""

_USER = re.compile(r"(?<=://)(?P<user>[^/\s@:]+)(?P<password>:[^/\s@]*)?@")


def scheme(url: str) -> str:
    """What stands before "://", or "gst" of "gst:PIPELINE"; "" of a path."""
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://|(gst):", url)
    return (found[1] or found[2]).lower() if found else ""


def check_scheme(key: str, url: str) -> None:
    """Raises UnknownName where no source is called so; `key` is the setting that gave the URL."""
    if (kind := scheme(url)) not in ("", *SCHEMES):
        raise UnknownName(f"kind of source in {key}", kind, SCHEMES)


def without_password(text: str) -> str:
    """The same text, fit for a log: what stands between "//" and "@" is blotted out."""
    # Up to the last "@": FFmpeg takes a password that holds one.
    return re.sub(r"(?<=://)[^/\s]+@", "***@", text)


def has_password(text: str) -> bool:
    """True where a URL in the text has user:password@ in front of its host."""
    return any(found["password"] for found in _USER.finditer(text))


def check_place(key: str, url: str) -> None:
    """Raises ConfigError where setting `key` gives a password that the URL has no place for."""
    found = _USER.search(url)
    if found is None:
        raise ConfigError(
            f"{key} is given, and the url has no user that it belongs to. Write "
            'rtsp://user@host/path, or leave the password out (password = "")'
        )
    if found["password"]:
        raise ConfigError(
            f"{key} is given, and the url has a password of its own. Take it out of the url, "
            "where more people can read it"
        )


def with_password(key: str, url: str, password: str) -> str:
    """The URL with the password after its user, percent-encoded. Raises as `check_place`."""
    check_place(key, url)
    return _USER.sub(lambda user: f"{user['user']}:{quote(password, safe='')}@", url, count=1)


def listening_address(key: str, host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address that setting `key` gives. No name is looked up: that blocks, and who answers
    decides who may reach us. Raises ConfigError where it is a name other than localhost."""
    try:
        return ipaddress.ip_address("127.0.0.1" if host.lower() == "localhost" else host)
    except ValueError:
        raise ConfigError(
            f"{key} is {host!r}; it takes an address of this device, localhost, "
            "or 0.0.0.0 or :: for all of them"
        ) from None
