"""What a program and its children gave away, as strace saw it: each byte that was written, each
file that was made, each address that was spoken to."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tests.brokers import until, wanted

WRITING = ("write", "pwrite64", "writev", "pwritev", "pwritev2", "sendto", "sendmsg", "sendmmsg")
UNSEEN = (
    *("sendfile", "splice", "tee", "vmsplice", "copy_file_range", "process_vm_writev"),
    *("io_uring_setup", "io_uring_enter", "io_submit"),
)
"""Other ways out, whose bytes a trace does not show."""
MAKING = (
    *("creat", "mkdir", "mkdirat", "mknod", "mknodat", "link", "linkat", "symlink", "symlinkat"),
    *("rename", "renameat", "renameat2"),
)
OPENING = ("open", "openat", "openat2")

_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
_NAME = r"<(?:((?:\\x[0-9a-f]{2})*)(?:<[^>]*>)?|([A-Z][A-Z-]*:\[.*?\]))>"
"""A path, with what kind of device it is; or a socket, as "TCP:[127.0.0.1:1->127.0.0.1:2]"."""


class Call(NamedTuple):
    """One system call."""

    name: str
    text: str
    """Its arguments and its answer, as strace writes them."""

    @property
    def failed(self) -> bool:
        return ") = -1 " in self.text and "EINPROGRESS" not in self.text

    @property
    def strings(self) -> tuple[bytes, ...]:
        found = _TEXT.findall(self.text)
        assert not any(cut for _, cut in found), f"strace cut it short: {self.text[:200]}"
        return tuple(_plain(text) for text, _ in found)

    @property
    def target(self) -> str:
        """What its first argument is open on: a path, a socket, or such as "pipe:[17]"."""
        return _named(r"^\d+", self.text)

    @property
    def opened(self) -> str:
        """The path that it opened."""
        return _named(r"\) = \d+", self.text)

    @property
    def mapped(self) -> str:
        """What mmap maps; "" for memory of its own."""
        return _named(r", \d+", self.text)


class Trace:
    """Put `command` before a program's own; when it has ended, ask."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        strace = wanted("strace", shutil.which("strace"), "strace")
        calls = (*WRITING, *UNSEEN, *MAKING, *OPENING, "connect", "listen", "mmap")
        self.command = (
            *(strace, "-D", "-q", "-ff", "--seccomp-bpf", "-yy", "-v", "-xx", "-s", "100000000"),
            *("-e", "signal=none", "-e", "trace=" + ",".join(f"?{call}" for call in calls)),
            *("-o", str(folder / "of")),
        )

    def calls(self, *names: str) -> Iterator[Call]:
        """Those that worked, each thread's in order."""
        for file in self._files():
            for line in file.read_text().splitlines():
                name, _, text = line.partition("(")
                call = Call(name, text)
                if name in names and not call.failed:
                    yield call

    def written(self) -> dict[str, bytes]:
        """All that each target was sent; memory without a name is none."""
        sent: dict[str, bytes] = {}
        for call in self.calls(*WRITING):
            if not call.target.startswith("/memfd:"):
                sent[call.target] = sent.get(call.target, b"") + b"".join(call.strings)
        return sent

    def connected(self) -> set[int | bytes]:
        """Ports of this machine, and other addresses as they are, that were spoken to."""
        addresses: set[int | bytes] = set()
        for call in self.calls("connect"):
            port = re.search(r"port=htons\((\d+)\)", call.text)
            addresses.add(int(port[1]) if port and call.strings == (b"127.0.0.1",)
                          else b" ".join(call.strings) or call.text.encode())  # fmt: skip
        return addresses

    def wait(self) -> None:
        """Until strace, which outlives the program, has ended."""
        until(lambda: not any(str(self._folder) in line for line in _command_lines()), 60)

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("of.*"))


def _command_lines() -> Iterator[str]:
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield file.read_text()


def _named(before: str, text: str) -> str:
    """The name of the file descriptor that stands there; "" where none does."""
    found = re.search(before + _NAME, text)
    if found is None:
        return ""
    return found[2] or _plain(found[1]).decode(errors="replace")


def _plain(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))
