"""The manifest itself: its fields, their bounds, and how it is read and written."""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from edgefer.errors import ConfigError, EdgeferError, ModelError, SpecError
from edgefer.files import read_toml, replacing
from edgefer.manifest.plan import compile_command, read_plan, version
from edgefer.records import WrongValue, has_controls, parse, record
from edgefer.spec import ModelSpec

SCHEMA = "edgefer.plan/1"
MAX_BYTES = 256 << 10
"""Of a manifest; a real one has about 3 KB."""
MAX_BATCH = 1024
UNAVAILABLE = "unavailable"
"""Stands where nobody could say; refused in a file that should say."""


@dataclass(frozen=True, slots=True)
class TensorIO:
    """An input or output of a plan."""

    name: str
    kind: Literal["input", "output"]
    shape: tuple[int, ...]
    """-1 where the size is free."""
    dtype: Literal["float32", "float16", "int32", "int64", "int8", "uint8", "bool"]


@dataclass(frozen=True, slots=True)
class Profile:
    """Batch sizes a plan takes, and the one that its kernels were timed for."""

    least: int
    best: int
    most: int

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.best <= self.most <= MAX_BATCH:
            raise ModelError(
                f"the profile is {self.least}..{self.best}..{self.most}; it takes least <= best "
                f"<= most, from 1 to {MAX_BATCH}"
            )


@dataclass(frozen=True, slots=True)
class PlanManifest:
    """Everything known of one plan. Each field is a key of `model.plan.json`."""

    plan_sha256: str
    plan_bytes: int
    onnx: str
    """The file's name; it is looked for beside the plan."""
    onnx_sha256: str
    tensorrt: str
    """Three or four numbers, such as "8.2.1.8"."""
    cuda: str
    """Of the driver, such as "10.2"."""
    compute_capability: str
    """Such as "5.3"."""
    device: str
    multiprocessors: int
    memory_bytes: int
    l4t: str
    """Such as "R32.7.1"; "unavailable" where the device is no Jetson."""
    precision: Literal["fp32", "fp16"]
    profile: Profile
    workspace_bytes: int
    io: tuple[TensorIO, ...]
    spec: ModelSpec
    edgefer: str
    """Its version."""
    build_seconds: float
    created: str
    """ISO 8601, with its time zone."""
    version_compatible: bool = False
    """Built with VERSION_COMPATIBLE: a later TensorRT of the same major version may load it, but
    only with host code allowed, as such a plan carries a runtime of its own. `edgefer compile`
    never asks for it."""
    trusted: bool = False
    """Made by `trusted_manifest`; never read from a file."""

    def __post_init__(self) -> None:
        for name in ("plan_sha256", "onnx_sha256"):
            if not self.trusted and not re.fullmatch("[0-9a-f]{64}", getattr(self, name)):
                raise ModelError(f"{name} is not 64 hex digits")
        if not self.trusted and version(self.tensorrt) is None:
            raise ModelError(f"tensorrt is {self.tensorrt!r}; it takes a version such as 8.2.1.8")
        if not self.trusted and not re.fullmatch(r"[0-9]{1,2}\.[0-9]", self.compute_capability):
            raise ModelError(
                f"compute_capability is {self.compute_capability!r}; it takes one such as 5.3"
            )
        if not self.trusted:
            _check_name(self.onnx)
            _check_time(self.created)
        for name in ("plan_bytes", "workspace_bytes", "multiprocessors", "memory_bytes",
                     "build_seconds"):  # fmt: skip
            if getattr(self, name) < 0:
                raise ModelError(f"{name} is {getattr(self, name)}; it takes 0 or more")


def manifest_path(plan: Path) -> Path:
    """`model.plan.json` beside `model.plan`."""
    return plan.with_name(plan.name + ".json")


def read_manifest(plan: Path) -> PlanManifest:
    """From the file beside `plan`, every type and bound checked. Raises ModelError where it is
    missing, too long, of another schema or wrong, and SpecError where its ModelSpec is."""
    path = manifest_path(plan)
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    except FileNotFoundError as exc:
        onnx = plan.with_suffix(".onnx")
        raise ModelError(
            f"{plan} has no manifest {path.name} beside it: nothing says which TensorRT and GPU "
            f"it was built for. Build it on this device: {compile_command(onnx, plan)}; or vouch "
            f"for it yourself: describe it in {plan.name}.toml, and say --trust"
        ) from exc
    except OSError as exc:
        raise ModelError(f"cannot read {path}: {exc.strerror}") from exc
    if len(text) > MAX_BYTES:
        raise ModelError(f"{path} has more than {MAX_BYTES} bytes: it is no manifest")
    try:
        return _from_json(text)
    except WrongValue as exc:
        raise ModelError(f"{path} is no manifest of a plan: {exc}") from exc
    except SpecError as exc:
        raise SpecError(f"{path}: {exc}") from exc
    except EdgeferError as exc:
        raise ModelError(f"{path}: {exc}") from exc


def _from_json(text: bytes) -> PlanManifest:
    table = parse(text)
    if not isinstance(table, dict) or "schema" not in table:
        raise WrongValue("it has no schema")
    if (schema := table.pop("schema")) != SCHEMA:
        raise WrongValue(f"its schema is {ascii(schema)[:60]}; this edgefer reads {SCHEMA}")
    if "trusted" in table:
        raise WrongValue("it has the key 'trusted', which no file may say")
    _check_spec(table.get("spec"))  # first: what is wrong with it is known to be the spec's fault
    return record(PlanManifest, table, "it")


def _check_spec(table: object) -> None:
    try:
        record(ModelSpec, table, "spec")
    except (WrongValue, ConfigError) as exc:
        raise SpecError(str(exc)) from exc


def check_holdable(onnx: Path, spec: ModelSpec) -> None:
    """Raises ModelError or SpecError where no manifest can hold a plan's origin: a name that
    cannot stand in a command, or a text with control characters. For before a long build."""
    _check_name(onnx.name)
    _check_spec(json.loads(spec.to_json()))


def write_manifest(plan: Path, manifest: PlanManifest) -> None:
    """Beside `plan`, whole or not at all; it reads back equal. Raises OutputError."""
    with replacing(manifest_path(plan)) as file:
        file.write(to_json(manifest).encode())


def to_json(manifest: PlanManifest) -> str:
    """The text of `model.plan.json`."""
    table = {"schema": SCHEMA, **dataclasses.asdict(manifest)}
    del table["trusted"]
    return json.dumps(table, indent=2) + "\n"


def trusted_manifest(plan: Path) -> PlanManifest:
    """For a plan from elsewhere, as trtexec writes it, whose owner vouches for it (`--trust`).

    The ModelSpec comes from the sidecar `model.plan.toml`, with the same fields as an ONNX
    file's sidecar; batch sizes come from the plan, once it is loaded. What is *not* checked then:
    that the file is the one that was built (there is no hash), TensorRT's version before 8.6,
    the compute capability, the precision, and whether the plan's answers are right. TensorRT
    may run code from a plan; only the header and, once loaded, the inputs and outputs are compared.
    """
    sidecar = plan.with_name(plan.name + ".toml")
    file = read_plan(plan)
    try:
        table = read_toml(sidecar)
        spec = ModelSpec.from_mapping(table)
        _check_spec(json.loads(spec.to_json()))
    except EdgeferError as exc:
        raise SpecError(f"{plan} is to be trusted, but not described: {exc}. Describe it in "
                        f"{sidecar.name} (README, 'Other models')") from exc  # fmt: skip
    return PlanManifest(
        plan_sha256=file.sha256,
        plan_bytes=file.bytes,
        onnx=plan.with_suffix(".onnx").name,
        onnx_sha256=UNAVAILABLE,
        tensorrt=".".join(map(str, file.header)) if file.header else UNAVAILABLE,
        cuda=UNAVAILABLE,
        compute_capability=UNAVAILABLE,
        device=UNAVAILABLE,
        multiprocessors=0,
        memory_bytes=0,
        l4t=UNAVAILABLE,
        precision="fp16" if spec.precision == "fp16" else "fp32",
        profile=Profile(1, 1, 1),
        workspace_bytes=0,
        io=contract(spec),
        spec=spec,
        edgefer=UNAVAILABLE,
        build_seconds=0.0,
        created=UNAVAILABLE,
        trusted=True,
    )


def contract(spec: ModelSpec) -> tuple[TensorIO, ...]:
    """The inputs and outputs that a model with this description must have; names are free."""
    pre = spec.preprocessing
    return (
        TensorIO("", "input", (-1, pre.channels, pre.height, pre.width), "float32"),
        TensorIO("", "output", (-1, len(spec.labels)), "float32"),
    )


def _check_name(name: str) -> None:
    """It goes into a command that somebody will paste, and into a path."""
    if (
        not 1 <= len(name) <= 255
        or name[0] in ".-~"
        or set(name) & set("/\\")
        or has_controls(name)
    ):
        raise ModelError(
            f"the ONNX file is called {name[:60]!a}; a manifest takes the bare name of a file "
            "that begins with a letter or digit"
        )


def _check_time(text: str) -> None:
    try:
        datetime.fromisoformat(text)
    except ValueError as exc:
        raise ModelError(f"created is {text[:60]!r}; it takes a time of ISO 8601") from exc
