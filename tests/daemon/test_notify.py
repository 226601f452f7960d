"""The notifier against a real datagram socket, read as systemd reads it."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefer.daemon.notify import Notifier
from edgefer.timing import clock

VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


class Manager:
    """systemd's end of the socket."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.settimeout(10)

    def heard(self) -> list[str]:
        """The lines of the next datagram."""
        datagram = self.socket.recv(1 << 20)
        assert len(datagram) <= 4096, "systemd ignores it"
        assert b"\0" not in datagram, "systemd ignores it"
        return datagram.decode().split("\n")


@contextmanager
def manager(address: str = "") -> Iterator[tuple[Manager, Notifier]]:
    listening = Manager(address or f"@edgefer-{secrets.token_hex(8)}")
    notifier = Notifier(listening.address)
    try:
        yield listening, notifier
    finally:
        notifier.close()
        listening.socket.close()


@pytest.fixture(autouse=True)
def _no_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_each_method_says_its_word(kind: str, tmp_path: Path) -> None:
    with manager(str(tmp_path / "notify") if kind == "path" else "") as (systemd, notifier):
        notifier.ready()
        assert systemd.heard() == ["READY=1"]
        notifier.ready("2 cameras")
        assert systemd.heard() == ["READY=1", "STATUS=2 cameras"]
        notifier.status("29.8 FPS")
        assert systemd.heard() == ["STATUS=29.8 FPS"]
        notifier.watchdog()
        assert systemd.heard() == ["WATCHDOG=1"]
        notifier.extend(12.5)
        assert systemd.heard() == ["EXTEND_TIMEOUT_USEC=12500000"]
        notifier.stopping("SIGTERM")
        assert systemd.heard() == ["STOPPING=1", "STATUS=SIGTERM"]


def test_reloading_tells_the_monotonic_time() -> None:
    with manager() as (systemd, notifier):
        before = time.monotonic()
        notifier.reloading()
        word, stamp = systemd.heard()
        assert word == "RELOADING=1"
        name, _, microseconds = stamp.partition("=")
        assert name == "MONOTONIC_USEC"
        assert before - 1e-5 <= int(microseconds) / 1e6 <= time.monotonic()


@given(text=st.text() | st.text(alphabet="\n\r\0=😀\ud800", max_size=5000))
def test_no_status_is_a_second_message_or_too_long_for_systemd(text: str) -> None:
    with manager() as (systemd, notifier):
        notifier.ready(text)
        word, *status = systemd.heard()
        assert word == "READY=1"
        assert len(status) == bool(text)
        assert all(line.startswith("STATUS=") for line in status)


def test_newlines_become_spaces() -> None:
    with manager() as (systemd, notifier):
        notifier.status("ok\nWATCHDOG=1\r\nREADY=1")
        assert systemd.heard() == ["STATUS=ok WATCHDOG=1  READY=1"]


def test_the_environment_says_where_and_is_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    with manager() as (systemd, _):
        monkeypatch.setenv("NOTIFY_SOCKET", systemd.address)
        monkeypatch.setenv("WATCHDOG_USEC", "30000000")
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
        notifier = Notifier.from_environment()
        notifier.ready()
        assert systemd.heard() == ["READY=1"]
        assert notifier.watchdog_interval == 30.0
        child = f"import os; print(sorted(set({VARIABLES}) & set(os.environ)))"
        assert subprocess.check_output([sys.executable, "-c", child], text=True).strip() == "[]"
        assert Notifier.from_environment().watchdog_interval is None
        notifier.close()


@pytest.mark.parametrize(
    ("microseconds", "pid", "seconds"),
    [
        ("2500000", None, 2.5),
        ("2500000", str(os.getpid()), 2.5),
        ("2500000", "1", None),
        ("2500000", "", None),
        (None, None, None),
        ("", None, None),
        ("0", None, None),
        ("-1", None, None),
        ("soon", None, None),
    ],
)
def test_the_watchdog_is_ours_or_none(
    microseconds: str | None,
    pid: str | None,
    seconds: float | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in (("WATCHDOG_USEC", microseconds), ("WATCHDOG_PID", pid)):
        if value is not None:
            monkeypatch.setenv(name, value)
    assert Notifier.from_environment().watchdog_interval == seconds


def say_everything(notifier: Notifier) -> None:
    notifier.ready("here")
    notifier.status("well")
    notifier.watchdog()
    notifier.extend(1)
    notifier.reloading()
    notifier.stopping()


def test_without_systemd_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    say_everything(Notifier.from_environment())
    assert not caplog.records


@pytest.mark.parametrize("address", ["@edgefer-nobody-listens", "/nowhere/notify", "@" + "x" * 300])
def test_what_nobody_hears_is_logged_once_and_never_raised(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    notifier = Notifier(address)
    say_everything(notifier)
    say_everything(notifier)
    assert len(caplog.records) == 1
    notifier.close()


def test_an_unknown_kind_of_socket_is_told(caplog: pytest.LogCaptureFixture) -> None:
    say_everything(Notifier("vsock:2:1234"))
    (line,) = caplog.messages
    assert "vsock:2:1234" in line


def test_a_manager_that_hangs_does_not_block_us(caplog: pytest.LogCaptureFixture) -> None:
    with manager() as (systemd, notifier):
        began = clock()
        while not caplog.records:
            notifier.watchdog()
            assert clock() - began < 60
        notifier.stopping()
        assert len(caplog.records) == 1
        assert systemd.heard() == ["WATCHDOG=1"]


def test_after_closing_nothing_is_said() -> None:
    with manager() as (systemd, notifier):
        notifier.close()
        notifier.close()
        say_everything(notifier)
        systemd.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            systemd.socket.recv(100)
