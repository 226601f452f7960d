"""Where a webhook posts to: what its address must be. No network and no httpx here."""

from __future__ import annotations

from urllib.parse import urlsplit

from edgefer.errors import ConfigError
from edgefer.outputs import WebhookConfig


def check(config: WebhookConfig) -> None:
    """Raises ConfigError where the URL cannot be posted to. No secret and no file is read."""
    # The URL is not quoted: its path or its query often is a secret of its own.
    try:
        url = urlsplit(config.url)
        host, _ = url.hostname, url.port
    except ValueError as exc:
        raise ConfigError(
            "webhook.url cannot be read: its host or its port is none; "
            "it takes http://host/path or https://host/path"
        ) from exc
    if "@" in url.netloc:
        raise ConfigError("webhook.url holds a password; put it into a file, webhook.token")
    if url.scheme not in ("http", "https") or not host or not config.url.isprintable():
        raise ConfigError("webhook.url takes http://host/path or https://host/path")
