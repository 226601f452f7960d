"""What systemd is told: sd_notify(3), datagrams on the socket that $NOTIFY_SOCKET names.

Our own few lines, since no library fits: sdnotify is from 2017 and knows no non-blocking send,
systemd-watchdog (kept) blocks, raises and lacks RELOADING and EXTEND_TIMEOUT_USEC, and
systemd-python and cysystemd want libsystemd, compiled for the device.

    https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
"""

from __future__ import annotations

import logging
import os
import socket
import time

STATUS_LENGTH = 1000
"""Characters of a status, 4 bytes each at most: systemd ignores a datagram above 4096 bytes whole,
a READY=1 in it too (NOTIFY_BUFFER_MAX in its manager.c)."""

log = logging.getLogger(__name__)


class Notifier:
    """Speaks for this process. No method blocks or raises, and any thread may call any of them.

    Without an address each does nothing. What systemd does not take, as while it hangs, is lost.
    """

    def __init__(self, address: str = "", watchdog_interval: float | None = None) -> None:
        """`address` is a path, or "@" and a name for an abstract socket."""
        self._interval = watchdog_interval
        self._socket: socket.socket | None = None
        self._failed = False
        if address.startswith(("/", "@")):
            self._address = os.fsencode(address)
            if address.startswith("@"):
                self._address = b"\0" + self._address[1:]
            # Not connected: systemd may make its socket anew. Kept: files may run out later.
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
        elif address:
            log.warning("systemd is not told anything: no known kind of socket: %r", address)

    @classmethod
    def from_environment(cls) -> Notifier:
        """As systemd asked for, which is then taken from the environment, so that no child
        process speaks for this one."""
        address = os.environ.pop("NOTIFY_SOCKET", "")
        microseconds = os.environ.pop("WATCHDOG_USEC", "")
        ours = os.environ.pop("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        wanted = microseconds.isdecimal() and int(microseconds) > 0 and ours
        return cls(address, int(microseconds) / 1e6 if wanted else None)

    @property
    def watchdog_interval(self) -> float | None:
        """Seconds without `watchdog` after which systemd kills us; None where it never does."""
        return self._interval

    def ready(self, status: str = "") -> None:
        """Started, or done with reloading."""
        self._send("READY=1", status)

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(f"STATUS={_line(text)}")

    def watchdog(self) -> None:
        """All is well."""
        self._send("WATCHDOG=1")

    def extend(self, seconds: float) -> None:
        """Starting or stopping takes so much longer, from now."""
        self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}")

    def reloading(self) -> None:
        """Reloading has begun; `ready` ends it."""
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={microseconds}")

    def stopping(self, status: str = "") -> None:
        """On the way out."""
        self._send("STOPPING=1", status)

    def close(self) -> None:
        """Say nothing more."""
        held, self._socket = self._socket, None
        if held is not None:
            held.close()

    def _send(self, message: str, status: str = "") -> None:
        if status:
            message += f"\nSTATUS={_line(status)}"
        if self._socket is None:
            return
        try:
            self._socket.sendto(message.encode(), self._address)
        except OSError as exc:
            if not self._failed:
                self._failed = True
                log.warning("systemd does not hear us: %s; this is not said again", exc)


def _line(text: str) -> str:
    """The text on one line: a newline would begin another message, a NUL would void it."""
    return "".join(c if c.isprintable() else " " for c in text[:STATUS_LENGTH])
