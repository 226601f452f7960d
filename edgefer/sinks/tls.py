"""TLS towards a broker or a server, and why it failed."""

from __future__ import annotations

import ssl

from edgefer.errors import ConfigError


def client_context(section: str, ca: str, certificate: str = "", key: str = "") -> ssl.SSLContext:
    """TLS that checks the other side; raises ConfigError where a file is none."""
    try:
        context = ssl.create_default_context(cafile=ca or None)
    except OSError as exc:
        raise ConfigError(f"{section}.ca: cannot use {ca}: {reason(exc)}") from exc
    if certificate:
        try:
            # The password keeps OpenSSL from asking for one on the terminal.
            context.load_cert_chain(certificate, key, password="")
        except OSError as exc:
            raise ConfigError(
                f"{section}.certificate: cannot use {certificate} with {key}: {reason(exc)}. "
                "Both are PEM, and the key has no passphrase"
            ) from exc
    return context


def reason(exc: Exception) -> str:
    """Why a connection failed, in the words of TLS or of the operating system; no secrets."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {exc.verify_message}"
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror
    return str(exc) or type(exc).__name__
