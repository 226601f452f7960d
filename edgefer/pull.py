"""Fetching the models that edgefer knows but does not ship; nothing else here uses the network.

A file is kept only if its SHA-256 is the known one, wherever it came from.
"""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edgefer.detectors import YUNET_FILE
from edgefer.errors import ConfigError, ModelError, NotInstalled, OutputError, UnknownName
from edgefer.files import replacing, sha256

TIMEOUT = 30.0
"""Seconds without a byte after which a download is given up."""

MAX_BYTES = 64 << 20
"""No known model is a hundredth of it; nothing is read further than this."""


@dataclass(frozen=True, slots=True)
class Model:
    """One file that can be pulled."""

    file: str
    """Its name in the model folder."""
    url: str
    sha256: str
    origin: str
    licence: str


MODELS = {
    "yunet": Model(
        file=YUNET_FILE,
        # A commit, not a branch: what an address names must not change.
        url="https://raw.githubusercontent.com/ShiqiYu/libfacedetection.train/"
        "dca340aa082c71081a68d17db8e58b33a58a914b/onnx/yunet_s_dynamic.onnx",
        sha256="daede24002cc8590f457998cc5e6c9e8b82f45f6bd969506a8913cd4ed10a2d3",
        origin="YuNet-s by Shiqi Yu and others, https://github.com/ShiqiYu/libfacedetection.train",
        licence="Apache-2.0",
    ),
}


def pull(name: str, folder: Path, source: Path | None = None, url: str | None = None) -> Path:
    """The model `name` in `folder`: read from `source`, or downloaded, and checked.

    Without `source`, a file that is already there and right is left alone. `url` takes
    the place of the known address; the known hash holds for it too. After an error no part of
    the file is left behind. Raises UnknownName, NotInstalled where the download fails,
    ModelError where the file is not the known one, ConfigError for an address that is not
    http(s), and OutputError where the folder cannot be written.
    """
    if name not in MODELS:
        raise UnknownName("model", name, MODELS)
    model = MODELS[name]
    target = folder / model.file
    with suppress(OSError):
        if source is None and sha256(target) == model.sha256:
            return target
    origin = str(source) if source is not None else url or model.url
    content = _read(source) if source is not None else _download(origin, name)
    found = hashlib.sha256(content).hexdigest()
    if found != model.sha256:
        raise ModelError(
            f"{origin} is not the known {name} and was not kept.\n"
            f"  expected sha256 {model.sha256}\n"
            f"  received sha256 {found}, {len(content)} bytes\n"
            f"The known file is at {model.url}; bring it with: edgefer pull {name} --from FILE"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise OutputError(
            f"cannot create the model folder {folder}: {exc.strerror}. Point EDGEFER_MODELS "
            "at a folder that can be written"
        ) from exc
    with replacing(target) as file:
        file.write(content)
    return target


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise ModelError(f"cannot read {path}: {exc.strerror}") from exc


def _download(url: str, name: str) -> bytes:
    """The whole body at `url`."""
    if not url.startswith(("https://", "http://")):
        raise ConfigError(f"cannot download {url!r}; an address begins with https:// or http://")
    # Some hosts refuse urllib's own name.
    request = urllib.request.Request(url, headers={"User-Agent": "edgefer"})
    remedy = f"Download it elsewhere and bring it: edgefer pull {name} --from FILE"
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            announced = response.headers.get("Content-Length")
            content: bytes = response.read(MAX_BYTES + 1)
    except urllib.error.HTTPError as exc:
        exc.close()
        raise NotInstalled(f"{url} answers {exc.code} {exc.reason}. {remedy}") from exc
    except (OSError, http.client.HTTPException, ValueError) as exc:
        reason = getattr(exc, "reason", None) or exc
        raise NotInstalled(f"cannot download {url}: {reason}. {remedy}") from exc
    if len(content) > MAX_BYTES:
        raise NotInstalled(f"{url} sends more than {MAX_BYTES} bytes: no known model. {remedy}")
    if announced and announced.isdecimal() and len(content) != int(announced):
        raise NotInstalled(
            f"the connection to {url} was cut after {len(content)} of {announced} bytes. "
            f"Run edgefer pull {name} again. {remedy}"
        )
    return content
