from __future__ import annotations

import dataclasses
import errno
import io
import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from edgefer.cli import main, parser
from edgefer.cli.bench import UNSTABLE
from edgefer.cli.health import NOT_GOOD
from edgefer.config import Config
from edgefer.config_file import load_config, to_schema
from edgefer.daemon.service import KILLED
from edgefer.daemon.watchdog import STUCK
from edgefer.errors import EdgeferError
from tests.conftest import REPOSITORY
from tests.models import SPEC, tiny_onnx


def test_config_show_prints_a_file_that_config_check_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "show"]) == 0
    path = tmp_path / "edgefer.toml"
    path.write_text(capsys.readouterr().out)
    path.chmod(0o644)
    assert main(["config", "check", str(path)]) == 0
    assert load_config(path) == Config()


def test_config_check_names_the_nearest_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "edgefer.toml"
    path.write_text("[engine]\nthread = 2\n")
    path.chmod(0o600)
    assert main(["config", "check", str(path)]) == 2
    assert f"{path}:2: " in (said := capsys.readouterr().err)
    assert "Did you mean 'threads'?" in said


def test_config_check_refuses_a_file_that_others_may_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "edgefer.toml"
    path.write_text("")
    path.chmod(0o666)
    assert main(["config", "check", str(path)]) == 2
    assert "chmod go-w" in capsys.readouterr().err


def kept(folder: Path, content: str, mode: int = 0o600) -> Path:
    """A secret's file."""
    path = folder / "secret"
    path.write_text(content)
    path.chmod(mode)
    return path


def test_config_check_says_what_it_found_and_shows_no_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    secret = kept(tmp_path, "staple")
    path = tmp_path / "edgefer.toml"
    path.write_text(f"""
        [mqtt]
        host = "broker.lan"
        user = "me"
        password = "{secret}"
        [[camera]]
        name = "door"
        url = "rtsp://me@host/1"
        password = "horse"
        [[camera]]
        name = "yard"
        url = "rtsp://me:battery@host/1"
    """)
    path.chmod(0o600)
    assert main(["config", "check", str(path)]) == 0
    text = capsys.readouterr().out
    for words in ("door: rtsp://***@host/1", "yard: rtsp://***@host/1", "broker.lan", "8377",
                  f"mqtt.password: {secret}\n", 'camera "door".password: a cred'):  # fmt: skip
        assert words in text
    for word in ("staple", "horse", "battery"):
        assert word not in text


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[source]\n\nurl = '/dev/video0'", 3, "camera camera: a camera is given as v4l2://"),
        ("[[camera]]\nname = 'door'\nurl = 'demo://?fpss=3'", 3, "camera door: "),
        ("[source]\nurl = '0'\n[[camera]]\nname = 'door'", 3, "camera door: "),
        ("[mqtt]\nhost = 'broker.lan'\nprefix = 'a/#'", 3, "mqtt.prefix is 'a/#'"),
        ("[mqtt]\npassword = 'door'\nhost = 'broker.lan'", 2, "mqtt.password is set"),
        ("[webhook]\n\nurl = 'hooks.lan'", 3, "webhook.url takes http://"),
        ("[mqtt]\nhost = 'broker.lan'\ntls = true\nca = '/nowhere.pem'", 4, "mqtt.ca: cannot use"),
        ("[webhook]\nurl = 'https://host/'\nca = '/nowhere'", 3, "webhook.ca: cannot use"),
        ("[jsonl]\npath = '/usr'", 2, "jsonl.path is /usr, a folder"),
    ],
)
def test_config_check_refuses_what_the_daemon_refuses_with_its_line(
    text: str, line: int, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "edgefer.toml"
    path.write_text(text)
    path.chmod(0o600)
    for command in (["config", "check", str(path)], ["daemon", "--config", str(path)]):
        assert main(command) == 2
        assert f"{path}:{line}: {words}" in capsys.readouterr().err


def test_config_check_notes_what_is_not_here_now(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "edgefer.toml"
    path.write_text(f"""
        [engine]
        model = "absent.onnx"
        [jsonl]
        path = "{tmp_path}/later/events.jsonl"
        [web]
        pages = true
        benchmarks = "{path}"
    """)
    path.chmod(0o600)
    assert main(["config", "check", str(path)]) == 0
    notes = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note ")]
    wanted = "'absent.onnx'", f"jsonl.path: there is no folder {tmp_path}/later", f"folder {path}"
    for note, words in zip(notes, wanted, strict=True):
        assert words in note


def test_config_check_notes_that_a_password_of_the_pages_keeps_programs_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret, path = kept(tmp_path, "staple"), tmp_path / "edgefer.toml"
    text = f"[web]\npages = true\npassword = '{secret}'\n[http]\n"
    for more, noted in (("", True), (f"token = '{secret}'", False), ("port = 0", False)):
        path.write_text(text + more)
        path.chmod(0o600)
        assert main(["config", "check", str(path)]) == 0
        assert ("note     http.token: none" in capsys.readouterr().out) == noted


SECRETS = [
    ("[source]\nurl = 'rtsp://me@host/1'\npassword = '{}'", "camera camera: source.password"),
    (
        "[[camera]]\nurl = 'rtsp://me@host/1'\npassword = '{}'\nname = 'door'",
        "camera door: source.password",
    ),
    ("[http]\n\ntoken = '{}'", "http.token"),
    ("[web]\npages = true\npassword = '{}'", "web.password"),
    ("[mqtt]\nhost = 'broker.lan'\npassword = '{}'\nuser = 'me'", "mqtt.password"),
    ("[webhook]\nurl = 'https://host/'\ntoken = '{}'", "webhook.token"),
]
"""A configuration that names one, in its third line, and how errors call it."""


@pytest.mark.parametrize(("text", "name"), SECRETS)
@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        (None, 0, "cannot read {}: No such file"),
        ("", 0o600, "{} must hold the secret on one line"),
        ("horse", 0o644, "every user can read {}"),
    ],
    ids=["missing", "empty", "open"],
)
def test_config_check_refuses_a_secret_as_the_daemon_does(
    content: str | None,
    mode: int,
    words: str,
    text: str,
    name: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    secret = tmp_path / "absent" if content is None else kept(tmp_path, content, mode)
    path = tmp_path / "edgefer.toml"
    path.write_text(text.format(secret))
    path.chmod(0o600)
    for command in (["config", "check", str(path)], ["daemon", "--config", str(path)]):
        assert main(command) == 2
        assert f"{path}:3: {name}: {words.format(secret)}" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "name"), [one for one in SECRETS if "token" in one[1]])
def test_config_check_refuses_a_token_that_no_header_takes(
    text: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "edgefer.toml"
    path.write_text(text.format(kept(tmp_path, "open sesame")))
    path.chmod(0o600)
    assert main(["config", "check", str(path)]) == 2
    assert f"{path}:3: {name}: a header takes ASCII" in (told := capsys.readouterr().err)
    assert "sesame" not in told


@pytest.mark.parametrize(("text", "name"), SECRETS)
def test_config_check_takes_a_credential_as_right_where_only_the_service_has_it(
    text: str,
    name: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "edgefer.toml"
    path.write_text(text.format("horse"))
    path.chmod(0o600)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert main(["config", "check", str(path)]) == 0
    told = capsys.readouterr().out
    assert "a credential, which only the service has: not checked" in told
    assert "horse" not in told
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert main(["config", "check", str(path)]) == 2
    assert f"{path}:3: {name} names no credential" in capsys.readouterr().err


def test_config_check_reads_no_secret_of_a_part_that_is_off(tmp_path: Path) -> None:
    path = tmp_path / "edgefer.toml"
    path.write_text("[http]\nport = 0\ntoken = '/nowhere'\n[web]\npassword = '/nowhere'\n")
    path.chmod(0o600)
    assert main(["config", "check", str(path)]) == 0


def test_config_check_of_a_secret_that_is_not_this_users_names_root(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "edgefer.toml"
    path.write_text("[http]\ntoken = '/etc/edgefer/token'")
    path.chmod(0o600)
    opened = Path.open

    def refused(at: Path, *args: Any, **named: Any) -> Any:  # tests may be root, whom none refuses
        if at == Path("/etc/edgefer/token"):
            raise PermissionError(13, "Permission denied")
        return opened(at, *args, **named)

    monkeypatch.setattr(Path, "open", refused)
    assert main(["config", "check", str(path)]) == 2
    assert "Permission denied. Check as root: sudo edgefer" in capsys.readouterr().err


def test_config_check_shows_of_a_webhook_its_host_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "edgefer.toml"
    path.write_text("[webhook]\nurl = 'https://hooks.lan:8443/services/T0/horse?x=battery'")
    path.chmod(0o600)
    assert main(["config", "check", str(path)]) == 0
    text = capsys.readouterr().out
    assert "webhook  https://hooks.lan:8443\n" in text
    assert "horse" not in text
    assert "battery" not in text


def test_config_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "schema"]) == 0
    assert json.loads(capsys.readouterr().out) == to_schema()


def test_inspect_tells_what_a_model_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "lightweight.onnx"]) == 0
    text = capsys.readouterr().out
    for word in ("2,893,395", "opset 13", "64x64x3", "happy"):
        assert word in text
    assert main(["inspect", "--json", "lightweight.onnx"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["spec"]["parameters"] == 2_893_395
    assert record["fault"] is None


def test_inspect_of_a_model_without_a_spec_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tiny_onnx(tmp_path / "m.onnx", None)
    assert main(["inspect", str(path)]) == 5
    text = capsys.readouterr().out
    assert "opset 13" in text
    assert "m.onnx.toml" in text


def test_inspect_finds_a_wrong_output_kind_by_running_the_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tiny_onnx(tmp_path / "m.onnx", dataclasses.replace(SPEC, output="probs"))
    assert main(["inspect", str(path)]) == 6
    assert "no probabilities" in capsys.readouterr().out


def test_pull_from_a_file_checks_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EDGEFER_MODELS", str(tmp_path / "models"))
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(b"not it")
    assert main(["pull", "yunet", "--from", str(wrong)]) == 5
    assert "sha256" in capsys.readouterr().err.lower()
    assert not (tmp_path / "models" / "yunet.onnx").exists()


@pytest.mark.parametrize(
    "command", ["", "run", "daemon", "health", "bench", "compile", "inspect", "config", "pull"]
)
def test_help_fits_a_terminal(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as caught:
        main([*command.split(), "--help"])
    assert caught.value.code == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("given", "usage"),
    [
        ("run demo:// --foo", "edgefer run "),
        ("-v run --foo", "edgefer run "),
        ("daemon --foo", "edgefer daemon "),
        ("bench --foo", "edgefer bench "),
        ("bench compare a b c", "edgefer bench compare "),
        ("config check a b", "edgefer config check "),
        ("--foo run", "edgefer "),
    ],
)
def test_what_a_command_does_not_take_is_told_with_its_own_usage(
    given: str, usage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(given.split())
    assert caught.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith(f"usage: {usage}")
    assert "error: unrecognized arguments: " in told


def test_the_readme_names_the_exit_code_of_every_error() -> None:
    text = " ".join((REPOSITORY / "README.md").read_text(encoding="utf-8").split())
    told = text.partition("Errors end with ")[2].partition(".")[0]
    codes = {kind.exit_code for kind in EdgeferError.__subclasses__()}
    assert set(map(int, re.findall(r"\b\d+\b", told))) == {*codes, UNSTABLE}


def test_the_help_names_every_exit_code() -> None:
    codes_told = str(parser().epilog).partition("exit codes:")[2]
    told = set(map(int, re.findall(r"\b\d+\b", codes_told)))
    codes = {kind.exit_code for kind in EdgeferError.__subclasses__()}
    assert told == {0, EdgeferError.exit_code, NOT_GOOD, UNSTABLE, *codes, 130, STUCK, KILLED}


def test_every_edgefer_command_of_the_readme_is_understood() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(?:console|sh)\n(.*?)```", text, re.DOTALL)
    commands = [
        line.removeprefix("$ ").partition("  #")[0]
        for block in blocks
        for line in block.replace("\\\n", " ").splitlines()
        if line.removeprefix("$ ").startswith("edgefer ")
    ]
    assert len(commands) >= 5
    for command in commands:
        parser().parse_args(shlex.split(command)[1:])


class FullOutput(io.TextIOWrapper):
    """A stdout whose disk is full: it refuses to write, or what it took while flushing."""

    refuses = "write"

    def write(self, text: str) -> int:
        if self.refuses == "write":
            raise OSError(errno.ENOSPC, "No space left on device")
        return len(text)

    def flush(self) -> None:
        if self.refuses == "flush":
            raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("refuses", ["write", "flush"])
def test_a_full_stdout_is_one_line_and_exit_code_7(
    refuses: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with (tmp_path / "out").open("wb") as file:  # main points its descriptor at nothing
        full = FullOutput(file)
        full.refuses = refuses
        monkeypatch.setattr(sys, "stdout", full)
        code = main(["config", "show"])
        monkeypatch.undo()
        full.refuses = ""
        full.detach()
    assert code == 7
    assert capsys.readouterr().err == (
        "edgefer: error: cannot write the output: No space left on device\n"
    )
