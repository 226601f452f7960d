"""A small Debian in a folder, with edgefer installed: what `machine.py` boots.

The tree is made once and kept in `.cache`; deleting that folder is always safe.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.brokers import wanted
from tests.conftest import REPOSITORY

CACHE = REPOSITORY / ".cache" / "system"
PACKAGES = ("systemd", "systemd-sysv", "dbus", "procps", "python3", "udev")
PYTHON = "/usr/bin/python3"
"""Runs edgefer in the tree. Its packages are chosen by the one of the same path here."""


@contextmanager
def installed() -> Iterator[Path]:
    """The tree with the edgefer of this repository, for nobody else meanwhile."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = tree()
        install(folder)
        yield folder


def tree() -> Path:
    """This machine's release of Debian, from where this machine has its packages."""
    debootstrap = wanted("debootstrap", shutil.which("debootstrap", path=_path()), "debootstrap")
    mirror, suite = source()
    name = hashlib.sha256("\n".join((mirror, suite, *PACKAGES)).encode()).hexdigest()[:12]
    folder = CACHE / f"{suite}-{name}"
    if not folder.is_dir():
        new = folder.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        packages = f"--include={','.join(PACKAGES)}"
        run(debootstrap, "--variant=minbase", packages, suite, new, mirror, PATH=_path())
        new.rename(folder)
    if _version(folder) != _version(Path("/")):
        _missing(f"{PYTHON} is another Python here than in Debian's {suite}: install python3")
    return folder


def install(folder: Path) -> None:
    """What a packager does: `make install` into the tree, the user, the service enabled."""
    shutil.rmtree(folder / "etc/edgefer", ignore_errors=True)  # an older default
    for target in ("uninstall", "install"):
        run("make", "-C", REPOSITORY, target, f"DESTDIR={folder}", "PREFIX=/usr",
            f"TARGET_PYTHON={PYTHON}", MAKEFLAGS="")  # fmt: skip
    run("systemd-sysusers", f"--root={folder}")
    run("systemctl", f"--root={folder}", "enable", "edgefer")


def run(*command: object, **environment: str) -> str:
    """What the command prints; its failure fails the test, with what it said."""
    done = subprocess.run(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stdout[-4000:]}"
    return done.stdout


def source(apt: Path = Path("/etc/apt")) -> tuple[str, str]:
    """The address and the suite of this machine's own Debian, as apt has it."""
    release = Path("/etc/os-release").read_text(encoding="utf-8")
    found = re.search(r"^VERSION_CODENAME=(\w+)$", release, re.MULTILINE)
    suite = found[1] if found else ""
    for entry in sorted(apt.glob("sources.list.d/*.sources")):
        for stanza in re.split(r"\n\s*\n", entry.read_text(encoding="utf-8")):
            fields = dict(re.findall(r"^(\w[\w-]*):[ \t]*(.*)$", stanza, re.MULTILINE))
            if suite in fields.get("Suites", "").split() and "deb" in fields["Types"].split():
                return fields["URIs"].split()[0], suite
    for entry in [apt / "sources.list", *sorted(apt.glob("sources.list.d/*.list"))]:
        text = entry.read_text(encoding="utf-8") if entry.is_file() else ""
        if found := re.search(rf"^deb (?:\[[^]]*\] )?(\S+) {suite} ", text, re.MULTILINE):
            return found[1], suite
    _missing(f"apt has no source for {suite or 'this system'}: a Debian or Ubuntu is needed")
    raise AssertionError


def _version(root: Path) -> str:
    """Such as python3.11: what the link says."""
    link = root / PYTHON[1:]
    return link.readlink().name if link.is_symlink() else f"no {link}"


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def _missing(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
