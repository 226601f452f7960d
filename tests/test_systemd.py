"""The service's files, as far as they can be checked without booting: tests/system boots them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgefer.cli import parser
from edgefer.config import DaemonConfig
from edgefer.config_file import load_config
from edgefer.errors import ConfigError, EdgeferError, ModelError
from tests.brokers import wanted
from tests.conftest import REPOSITORY

SYSTEMD = REPOSITORY / "systemd"
README = (SYSTEMD / "README.md").read_text(encoding="utf-8")
UNITS = ("edgefer.service", "edgefer@.service")

IN_237 = {
    "After", "AmbientCapabilities", "CapabilityBoundingSet", "Description", "DeviceAllow",
    "DevicePolicy", "Environment", "ExecReload", "ExecStart", "Group", "KeyringMode",
    "KillMode", "LimitCORE", "LockPersonality", "MemoryMax", "NoNewPrivileges",
    "NotifyAccess", "PrivateTmp", "ProtectControlGroups", "ProtectHome",
    "ProtectKernelModules", "ProtectKernelTunables", "ProtectSystem", "RemoveIPC",
    "Restart", "RestartPreventExitStatus", "RestartSec", "RestrictAddressFamilies",
    "RestrictNamespaces", "RestrictRealtime", "RuntimeDirectory", "RuntimeDirectoryMode",
    "StartLimitBurst", "StartLimitIntervalSec", "StateDirectory", "StateDirectoryMode",
    "SuccessExitStatus", "SupplementaryGroups", "SystemCallArchitectures",
    "SystemCallErrorNumber", "SystemCallFilter", "TasksMax", "TimeoutStartSec",
    "TimeoutStopSec", "Type", "UMask", "User", "WantedBy", "WatchdogSec", "WorkingDirectory",
}  # fmt: skip
"""Directives that systemd 237 (Ubuntu 18.04) knows: its manual pages, and NEWS up to there."""

NEWER = {
    "OOMPolicy": 243,
    "PrivateMounts": 239,
    "ProtectClock": 245,
    "ProtectHostname": 242,
    "ProtectKernelLogs": 244,
    "ProtectProc": 247,
    "RestrictSUIDSGID": 242,
}
"""Those that it ignores with a warning, and the version that brought each (NEWS)."""

COMMENTED = {"LoadCredential": 247, "IPAddressDeny": 235, "IPAddressAllow": 235}
"""Those that a unit offers in a comment."""


def directives(unit: str) -> list[tuple[str, str]]:
    """(name, value) of each line that is one, in order."""
    lines = (SYSTEMD / unit).read_text(encoding="utf-8").splitlines()
    assert not any(line.endswith("\\") for line in lines)
    return [
        (name, value)
        for name, mark, value in (line.partition("=") for line in lines if line[:1] not in "#[")
        if mark
    ]


def value(unit: str, name: str) -> str:
    (found,) = [v for n, v in directives(unit) if n == name]
    return found


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = wanted("systemd-analyze", shutil.which("systemd-analyze"), "systemd")
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)


@pytest.fixture(params=UNITS)
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A unit whose program is there: systemd-analyze looks for it."""
    name: str = request.param
    text = (SYSTEMD / name).read_text(encoding="utf-8")
    copy = tmp_path / name
    copy.write_text(text.replace("/usr/local/bin/edgefer", "/bin/true"), encoding="utf-8")
    return copy


def test_systemd_finds_nothing_wrong_with_a_unit(unit: Path) -> None:
    told = analyze("verify", str(unit))
    assert (told.returncode, told.stdout + told.stderr) == (0, "")


def test_a_units_exposure_is_at_most_two(unit: Path) -> None:
    told = analyze("security", "--offline=true", "--no-pager", str(unit))
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", told.stdout)
    assert found, told.stderr
    assert float(found[1]) <= 2.0, told.stdout


def test_the_two_units_differ_only_where_the_instance_stands() -> None:
    one, several = (directives(unit) for unit in UNITS)
    assert [name for name, _ in one] == [name for name, _ in several]
    differing = {name for (name, alone), (_, each) in zip(one, several, strict=True)
                 if alone != each}  # fmt: skip
    assert differing == {
        "Description", "Environment", "ExecStart", "RuntimeDirectory", "StateDirectory",
        "WorkingDirectory",
    }  # fmt: skip
    assert all("%i" in value("edgefer@.service", name) for name in differing - {"Environment"})


@pytest.mark.parametrize("name", UNITS)
def test_what_a_unit_starts_is_a_command_of_edgefer(name: str) -> None:
    program, *arguments = value(name, "ExecStart").split()
    assert program == "/usr/local/bin/edgefer"
    args = parser().parse_args(arguments)
    assert args.config.parent == Path("/etc/edgefer")


def test_only_errors_that_a_new_start_meets_again_are_final() -> None:
    prevented = {int(status) for status in value(UNITS[0], "RestartPreventExitStatus").split()}
    assert prevented == {kind.exit_code for kind in (ConfigError, ModelError)}
    assert EdgeferError.exit_code not in prevented


def test_the_daemon_has_said_what_hangs_before_systemd_kills_it() -> None:
    assert DaemonConfig().patience * 2 < float(value(UNITS[0], "WatchdogSec"))


def test_every_directive_is_known_in_237_or_listed_as_newer() -> None:
    used = {name for unit in UNITS for name, _ in directives(unit)}
    assert used == IN_237 | set(NEWER)


def test_the_readme_lists_what_237_lacks() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| .+ \|$", README, re.MULTILINE)
    assert {name: int(version) for name, version in rows} == {
        **NEWER, **{name: since for name, since in COMMENTED.items() if since > 237}
    }  # fmt: skip
    offered = set(re.findall(r"^#(\w+)=", (SYSTEMD / UNITS[0]).read_text(), re.MULTILINE))
    assert offered == set(COMMENTED)


def test_the_system_call_filter_does_not_turn_into_an_empty_allow_list_in_237() -> None:
    """@system-service is from 239; a group that is unknown is skipped."""
    groups = value(UNITS[0], "SystemCallFilter")
    assert groups.startswith("~")
    assert set(groups[1:].split()) <= {
        "@aio", "@basic-io", "@chown", "@clock", "@cpu-emulation", "@debug", "@default",
        "@file-system", "@io-event", "@ipc", "@keyring", "@memlock", "@module", "@mount",
        "@network-io", "@obsolete", "@privileged", "@process", "@raw-io", "@reboot", "@resources",
        "@setuid", "@signal", "@swap", "@sync", "@timer",
    }  # fmt: skip


UDEV_KEY = re.compile(
    r'(ACTION|SUBSYSTEM|KERNEL|ENV\{\w+\}|ATTR\{\w+\}|GOTO|LABEL|SYMLINK|IMPORT\{builtin\})'
    r'(==|!=|\+=|=)"([^"]*)"'
)  # fmt: skip


def test_the_udev_rules_are_rules() -> None:
    """`udevadm verify` is from systemd 254: until then, its grammar for the few keys used."""
    text = (SYSTEMD / "60-edgefer.rules").read_text(encoding="utf-8")
    rules = [line for line in text.splitlines() if line and not line.startswith("#")]
    pairs = [UDEV_KEY.findall(rule) for rule in rules]
    for rule, found in zip(rules, pairs, strict=True):
        assert ", ".join(f'{key}{operator}"{match}"' for key, operator, match in found) == rule
    said = [(key, match) for found in pairs for key, _, match in found]
    assert {match for key, match in said if key == "GOTO"} == {
        match for key, match in said if key == "LABEL"
    }
    assert ("SYMLINK", "edgefer/camera-$env{ID_PATH}") in said


def opened(text: str) -> str:
    """The configuration with every key in it that it offers in a comment."""
    return re.sub(r"^#(?=\[|\w+ = )", "", text, flags=re.MULTILINE)


def test_the_default_configuration_is_valid_as_it_is_and_with_all_that_it_offers(
    tmp_path: Path,
) -> None:
    default = load_config(SYSTEMD / "edgefer.toml")
    assert [camera.source.url for camera in default.cameras] == ["v4l2:///dev/video0"]
    assert (default.jsonl.path, default.mqtt.host, default.webhook.url) == ("", "", "")
    full = tmp_path / "full.toml"
    full.write_text(opened((SYSTEMD / "edgefer.toml").read_text(encoding="utf-8")))
    config = load_config(full)
    assert [camera.name for camera in config.cameras] == ["door", "hall"]
    assert all((config.jsonl.path, config.mqtt.host, config.webhook.url))


def run(*command: object, cwd: Path = REPOSITORY, **environment: str) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="makes users and their files: run it as root")
def test_the_user_may_read_the_configuration_and_others_may_not(tmp_path: Path) -> None:
    wanted("systemd-sysusers", shutil.which("systemd-sysusers"), "systemd")
    (tmp_path / "etc/edgefer").mkdir(parents=True)
    (tmp_path / "etc/edgefer/door.toml").write_text("")
    run("systemd-sysusers", f"--root={tmp_path}", SYSTEMD / "edgefer.sysusers")
    run("systemd-tmpfiles", f"--root={tmp_path}", "--create", SYSTEMD / "edgefer.tmpfiles")
    (user,) = [line.split(":") for line in (tmp_path / "etc/passwd").read_text().splitlines()
               if line.startswith("edgefer:")]  # fmt: skip
    uid, gid = int(user[2]), int(user[3])
    groups = (tmp_path / "etc/group").read_text()
    for group in ("video", "render"):
        assert re.search(rf"^{group}:.*:.*\bedgefer\b", groups, re.MULTILINE), groups
    expected = {
        "etc/edgefer": (0, gid, 0o750),
        "etc/edgefer/door.toml": (0, gid, 0o640),
        "var/lib/edgefer": (uid, gid, 0o750),
        "var/lib/edgefer/models": (uid, gid, 0o750),
    }
    for path, wanted_status in expected.items():
        status = (tmp_path / path).stat()
        assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == wanted_status, path


def files(folder: Path) -> Iterator[str]:
    return (str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


PYTHON = Path(sys.executable).resolve()
"""Not the virtual environment's: that one would lend what the installed folder lacks."""


def make(target: str, folder: Path) -> None:
    given = {"DESTDIR": folder, "PREFIX": "/opt/here", "TARGET_PYTHON": PYTHON}
    # What was given to a make that runs the tests is not for this one.
    run("make", target, *(f"{name}={text}" for name, text in given.items()), MAKEFLAGS="")


def test_a_python_that_is_not_there_is_not_told_to_install_pip(tmp_path: Path) -> None:
    done = subprocess.run(
        ["make", "install", f"DESTDIR={tmp_path}", f"TARGET_PYTHON={tmp_path}/python3"],
        cwd=REPOSITORY,
        env={**os.environ, "MAKEFLAGS": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert f"{tmp_path}/python3 is not here" in done.stderr
    assert "has no pip" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_what_is_installed_runs_from_anywhere_and_goes_without_a_trace(tmp_path: Path) -> None:
    staged = tmp_path / "staged"
    stale = staged / "opt/here/lib/edgefer/edgefer/of_an_older_version.py"
    stale.parent.mkdir(parents=True)
    stale.touch()
    old_umask = os.umask(0o077)  # as root's may be
    try:
        make("install", staged)
    finally:
        os.umask(old_umask)
    assert not stale.exists()
    closed = [path for path in (staged / "opt/here/lib").rglob("*") if path.stat().st_mode & 4 == 0]
    assert closed == []

    moved = tmp_path / "moved"
    staged.rename(moved)
    program = moved / "opt/here/bin/edgefer"
    assert program.read_text().startswith(f"#!{PYTHON} -I\n")
    decoy = tmp_path / "decoy"
    decoy.mkdir()
    (decoy / "edgefer.py").write_text("raise SystemExit('not this one')")
    strange = {"PYTHONPATH": str(decoy)}
    assert run(program, "--version", cwd=tmp_path, **strange).startswith("edgefer ")
    # A camera's child process is another Python, which has to find the same edgefer.
    told = run(program, "run", "demo://?frames=5&fps=50", "--quiet", "--jsonl", "-",
               cwd=tmp_path, **strange)  # fmt: skip
    assert "sequence" in told
    for place in (REPOSITORY, tmp_path):
        found = subprocess.run(["grep", "-rlF", str(place), moved], capture_output=True, text=True)
        inside = [line for line in found.stdout.splitlines() if line != str(program)]
        assert inside == [], "paths of the machine that built it"

    for name in UNITS:
        text = (moved / f"opt/here/lib/systemd/system/{name}").read_text()
        assert "ExecStart=/opt/here/bin/edgefer" in text
        assert "/usr/local" not in text
    config = moved / "etc/edgefer/edgefer.toml"
    assert config.stat().st_mode & 0o777 == 0o640
    config.write_text("[source]\nurl = 'demo://'\n")
    make("install-service", moved)
    assert config.read_text() == "[source]\nurl = 'demo://'\n"

    other = moved / "etc/udev/rules.d/70-other.rules"
    other.touch()
    make("uninstall", moved)
    assert set(files(moved)) == {"etc/edgefer/edgefer.toml", "etc/udev/rules.d/70-other.rules"}
    config.write_text((SYSTEMD / "edgefer.toml").read_text())
    make("uninstall", moved)
    assert set(files(moved)) == {"etc/udev/rules.d/70-other.rules"}
    assert not config.parent.exists()
