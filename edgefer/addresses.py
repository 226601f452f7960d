"""Addresses: kinds of URLs, the passwords in them, and where a server may listen."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from urllib.parse import quote

from edgefer.errors import ConfigError, UnknownName

SCHEMES = ("demo", "test", "file", "v4l2", "rtsp", "rtsps", "csi", "gst")
"""What a URL may begin with; without one it is a path."""

_USER = re.compile(r"(?<=://)(?P<user>[^/\s@:]+)(?P<password>:[^/\s@]*)?@")

MASK = "***"

_QUERY = re.compile(
    r"(?<=[?&;])(?:[\w-]*[_-])?"
    r"(?:pass|passwd|password|pwd|pw|loginpas|token|key|secret|auth|sig|signature)"
    r"=(?P<value>[^\s&]+)",
    re.IGNORECASE,
)
"""A URL's query: ?user=me&password=SECRET."""

_NAME = (
    r"[\w-]*?(?<![a-z0-9])(?:pw|pwd|passwd|password|passphrase|token|secret(?:-access)?(?:-key)?)"
)
_PIECE = r"""(?:"(?:\\.|[^"\\\n])*"|'[^'\n]*'|\\.|[^\s\\])"""
"""Of a word of a shell, which may hold several in a row: 'a'"'"'b'."""
_PROPERTY = re.compile(
    rf"(?<![\w?&;-]){_NAME}[ \t]*=[ \t]*(?!(?:\"\"|'')(?:[\s)]|$)|&)(?P<value>{_PIECE}+)",
    re.IGNORECASE,
)
"""A GStreamer element's property, user-pw=SECRET or "SECRET", whose other short names mean
something else (pass=, key=); and the path of cameras that take user=me_password=SECRET in it."""
_MORE = rf"""(?=["'\\\w]){_PIECE}+"""
_QUOTED = tuple(
    re.compile(rf"{mark}{_NAME}=(?P<value>{inside}+(?:{mark}{_MORE})?)", re.IGNORECASE)
    for mark, inside in (('"', r'(?:\\.|[^"\\\n])'), ("'", r"[^'\n]"))
)
"""The same as one word of a shell: "user-pw=a b", 'user-pw=a b'"'"'c'."""


def scheme(url: str) -> str:
    """What stands before "://", or "gst" of "gst:PIPELINE"; "" of a path."""
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://|(gst):", url)
    return (found[1] or found[2]).lower() if found else ""


def check_scheme(key: str, url: str) -> None:
    """Raises UnknownName where no source is called so; `key` is the setting that gave the URL."""
    if (kind := scheme(url)) not in ("", *SCHEMES):
        raise UnknownName(f"kind of source in {key}", kind, SCHEMES)


def without_password(text: str) -> str:
    """The same text, fit for a log: *** instead of each password, token or key of a URL or of a
    GStreamer pipeline."""
    kept, end = [], 0
    for begin, after in _merged(sorted(_secret_spans(text))):
        kept += [text[end:begin], MASK]
        end = after
    return "".join(kept) + text[end:]


def has_password(text: str) -> bool:
    """True where a URL in the text has user:password@ in front of its host, or a URL's query or a
    pipeline's property gives one."""
    return any(found["password"] for found in _USER.finditer(text)) or any(_given(text))


def _secret_spans(text: str) -> Iterator[tuple[int, int]]:
    # Up to the last "@": FFmpeg takes a password that holds one.
    for user in re.finditer(r"(?<=://)[^/\s]+(?=@)", text):
        yield user.span()
    yield from _given(text)


def _given(text: str) -> Iterator[tuple[int, int]]:
    """Where the values of keys and properties are."""
    for pattern in (_QUERY, _PROPERTY, *_QUOTED):
        for found in pattern.finditer(text):
            value, end = found["value"], found.end("value")
            # What ends the sentence, or the quotation around the URL, is no part of it.
            if pattern is _QUERY and text[end : end + 1].isspace():
                value = value[:-1] if value[-1] in ":,;." else value
                value = value.rstrip("\"')]}>")
            if value:
                begin = found.start("value")
                yield begin, begin + len(value)


def _merged(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Sorted spans, those that overlap made one."""
    begin = end = -1
    for first, after in spans:
        if first > end:
            if end >= 0:
                yield begin, end
            begin = first
        end = max(end, after)
    if end >= 0:
        yield begin, end


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
