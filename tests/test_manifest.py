"""What a manifest must say, what it must not, and which differences refuse a plan."""

from __future__ import annotations

import dataclasses
import json
import random
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgefer.config import EngineConfig
from edgefer.engines import open_engine
from edgefer.errors import EdgeferError, ModelError, SpecError
from edgefer.manifest import (
    Here,
    Mismatch,
    PlanFile,
    PlanManifest,
    PlanMismatch,
    TensorIO,
    header_version,
    io_mismatches,
    manifest_path,
    mismatches,
    read_manifest,
    read_plan,
    rebuild_command,
    refuse,
    same_version,
    to_json,
    trusted_manifest,
    version,
)
from tests import tensorrt_double
from tests.models import SPEC
from tests.plans import HERE, make_plan
from tests.tensorrt_double import runtime


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """A plan that belongs on HERE, with its manifest and its ONNX file."""
    make_plan(tmp_path / "face.plan")
    return tmp_path / "face.plan"


def found(plan: Path, here: Here = HERE, **changes: Any) -> tuple[Mismatch, ...]:
    return mismatches(dataclasses.replace(read_manifest(plan), **changes), here, read_plan(plan))


def test_a_manifest_reads_back_equal(plan: Path) -> None:
    manifest = read_manifest(plan)
    assert manifest == make_plan(plan)
    assert manifest.spec == SPEC
    assert json.loads(manifest_path(plan).read_text())["schema"] == "edgefer.plan/1"
    assert refuse(manifest, HERE, read_plan(plan)) == ()


def test_every_field_of_a_manifest_is_in_its_file(plan: Path) -> None:
    table = json.loads(to_json(read_manifest(plan)))
    fields = {field.name for field in dataclasses.fields(PlanManifest)}
    assert set(table) == (fields - {"trusted"}) | {"schema"}


@pytest.mark.parametrize(
    ("changes", "here", "what"),
    [
        ({"plan_sha256": "0" * 64}, {}, "plan"),
        ({"tensorrt": "8.6.1.6"}, {"tensorrt": "8.6.1.6"}, "header"),
        ({"tensorrt": "8.2.1.8"}, {"tensorrt": "8.2.1.8"}, "header"),
        ({}, {"tensorrt": "10.3.0.27"}, "TensorRT"),
        ({}, {"tensorrt": "10.3.1"}, "TensorRT"),
        ({}, {"tensorrt": "8.2.1.8"}, "TensorRT"),
        ({}, {"tensorrt": None}, "TensorRT"),
        ({}, {"tensorrt": "a newer one"}, "TensorRT"),
        ({}, {"compute_capability": "5.3"}, "compute capability"),
        ({}, {"compute_capability": None}, "compute capability"),
        ({"spec": dataclasses.replace(SPEC, labels=("up", "down"))}, {}, "I/O (output)"),
    ],
)
def test_each_difference_that_matters_is_found_alone(
    plan: Path, changes: dict[str, Any], here: dict[str, Any], what: str
) -> None:
    differences = found(plan, dataclasses.replace(HERE, **here), **changes)
    assert [one.what for one in differences] == [what]
    assert differences[0].fatal


def test_all_differences_are_listed_in_the_order_in_which_a_loader_meets_them(plan: Path) -> None:
    here = Here("8.2.1.8", "10.2", "5.3", "NVIDIA Tegra X1", 2, 1 << 30)
    spec = dataclasses.replace(SPEC, labels=("up", "down"))
    plan.write_bytes(plan.read_bytes()[:20])
    differences = found(plan, here, spec=spec)
    assert [one.what for one in differences] == [
        "plan", "header", "TensorRT", "compute capability", "I/O (output)",
        "device", "multiprocessors", "memory",
    ]  # fmt: skip
    assert [one.fatal for one in differences] == [True] * 5 + [False] * 3


def test_a_refusal_lists_them_all_and_gives_the_command_that_mends_them(plan: Path) -> None:
    manifest = read_manifest(plan)
    with pytest.raises(PlanMismatch) as caught:
        refuse(manifest, dataclasses.replace(HERE, compute_capability="5.3"), read_plan(plan))
    onnx = plan.with_suffix(".onnx")
    assert caught.value.command == (
        f"edgefer compile {onnx} -o {plan} --precision fp16 --max-batch 8 --workspace 256MiB"
    )
    assert [one.here for one in caught.value.differences] == ["5.3"]
    assert caught.value.command in str(caught.value)


def test_another_gpu_of_the_same_capability_is_a_warning(plan: Path) -> None:
    here = dataclasses.replace(HERE, device="another", multiprocessors=2)
    assert [one.what for one in refuse(read_manifest(plan), here, read_plan(plan))] == [
        "device", "multiprocessors",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("here", "fits"), [("10.13.3.9", True), ("10.2.0.1", False), ("11.4.0.106", False)]
)
def test_a_version_compatible_plan_fits_a_later_tensorrt_of_its_major(
    plan: Path, here: str, fits: bool
) -> None:
    there = dataclasses.replace(HERE, tensorrt=here)
    assert (found(plan, there, version_compatible=True) == ()) == fits
    assert found(plan, there) != ()


def test_versions_are_compared_as_far_as_both_say() -> None:
    assert version("10.3.0") == (10, 3, 0)
    assert version("8.6.1.post1") == (8, 6, 1)
    assert version("10.3") is None
    assert version("١٠.٣.٠") is None
    assert same_version((10, 3, 0), (10, 3, 0, 26))
    assert not same_version((10, 3, 0, 26), (10, 3, 0, 30))


def test_a_header_is_read_as_trtexec_reads_it() -> None:
    head = b"ftrt" + bytes(20) + bytes((10, 3, 0, 26))
    assert header_version(head) == (10, 3, 0, 26)
    assert header_version(head[:27]) is None
    assert header_version(b"ftrt\x01" + head[5:]) is None
    assert header_version(b"ptrt" + head[4:]) is None


def test_a_plan_before_8_6_needs_no_header(tmp_path: Path) -> None:
    plan = tmp_path / "old.plan"
    make_plan(plan, "8.2.1.8", "5.3")
    assert read_plan(plan).header is None
    assert (
        found(plan, dataclasses.replace(HERE, tensorrt="8.2.1.8", compute_capability="5.3")) == ()
    )


def test_inputs_and_outputs_are_held_to_the_spec(plan: Path) -> None:
    manifest = read_manifest(plan)
    face, answer = manifest.io
    fixed = (
        dataclasses.replace(face, shape=(1, 3, 8, 8)),
        dataclasses.replace(answer, shape=(1, 7)),
    )
    more = (*manifest.io, TensorIO("features", "output", (-1, 64), "float32"))
    for right in (manifest.io, fixed, more):
        assert io_mismatches(right, SPEC) == ()
    for wrong in (
        (dataclasses.replace(face, dtype="float16"), answer),
        (dataclasses.replace(face, shape=(-1, 8, 8, 3)), answer),
        (dataclasses.replace(face, shape=(4, 3, 8, 8)), answer),
        (face, face, answer),
        (face,),
        (face, dataclasses.replace(answer, shape=(-1, 7, 1))),
        (),
    ):
        assert io_mismatches(wrong, SPEC)


def test_a_plan_without_a_manifest_is_told_the_command(plan: Path) -> None:
    manifest_path(plan).unlink()
    with pytest.raises(ModelError, match=r"no manifest face\.plan\.json.*edgefer compile"):
        read_manifest(plan)


def test_the_manifest_of_another_program_is_told_its_schema(plan: Path) -> None:
    manifest_path(plan).write_text('{"schema": "edgefer.plan/2"}')
    with pytest.raises(ModelError, match=r"edgefer\.plan/2.*reads edgefer\.plan/1"):
        read_manifest(plan)


def test_a_manifest_longer_than_any_is_not_read(plan: Path) -> None:
    manifest_path(plan).write_bytes(b" " * (1 << 20) + manifest_path(plan).read_bytes())
    with pytest.raises(ModelError, match="no manifest"):
        read_manifest(plan)


def test_an_empty_plan_and_a_missing_one_are_errors(plan: Path) -> None:
    plan.write_bytes(b"")
    with pytest.raises(ModelError, match="empty"):
        read_plan(plan)
    plan.unlink()
    with pytest.raises(ModelError, match="No such file"):
        read_plan(plan)


def test_a_wrong_spec_is_the_specs_error(plan: Path) -> None:
    rewrite(plan, lambda table: table["spec"].update(labels=["one"]))
    with pytest.raises(SpecError):
        read_manifest(plan)


@pytest.mark.parametrize(
    "name", ["", "a/b.onnx", "../x", "..", "-rf", "~x", "a\\b", "a\tb", "x" * 300]
)
def test_a_name_that_leaves_the_folder_or_is_an_option_is_refused(plan: Path, name: str) -> None:
    rewrite(plan, lambda table: table.update(onnx=name))
    with pytest.raises(ModelError):
        read_manifest(plan)


def test_a_name_with_spaces_stays_one_word_of_the_command(plan: Path) -> None:
    manifest = dataclasses.replace(read_manifest(plan), onnx="my face; rm.onnx")
    assert shlex.split(rebuild_command(manifest, plan))[2] == "my face; rm.onnx"


def test_no_file_may_call_itself_trusted(plan: Path) -> None:
    rewrite(plan, lambda table: table.update(trusted=True))
    with pytest.raises(ModelError, match="trusted"):
        read_manifest(plan)


SIDECAR = """
name = "elsewhere"
labels = ["up", "down"]
[preprocessing]
width = 8
height = 8
"""


def test_a_trusted_plan_is_described_by_its_sidecar(plan: Path) -> None:
    plan.with_name("face.plan.toml").write_text(SIDECAR)
    manifest = trusted_manifest(plan)
    assert manifest.spec.labels == ("up", "down")
    assert manifest.tensorrt == "10.3.0.26"
    assert mismatches(manifest, HERE, read_plan(plan)) == ()
    other = dataclasses.replace(HERE, tensorrt="8.6.1.6", compute_capability="5.3")
    assert [one.what for one in mismatches(manifest, other, read_plan(plan))] == ["TensorRT"]


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        SIDECAR.replace("8", "0"),
        SIDECAR + "max_batch = 4\n",
        SIDECAR.replace("elsewhere", "\\u001b[2J"),
        SIDECAR + f"mean = [1{'0' * 400}]\n",
    ],
)
def test_a_trusted_plan_without_a_right_sidecar_is_an_error(plan: Path, wrong: str) -> None:
    plan.with_name("face.plan.toml").write_text(wrong)
    with pytest.raises(SpecError, match=r"face\.plan\.toml"):
        trusted_manifest(plan)


def rewrite(plan: Path, change: Callable[[dict[str, Any]], object]) -> None:
    table = json.loads(manifest_path(plan).read_text())
    change(table)
    manifest_path(plan).write_text(json.dumps(table))


WRONG: tuple[object, ...] = (
    None, True, -1, 1e300, 10**400, "", "x" * 10_000, "\x1b[2J", "\ud800", [], {}, [None], [[[[]]]],
    {"name": 1}, "../../etc/passwd", "a/b.onnx", "..", "-rf", "~/x", "a\\b", "a\nb", "\0",
)  # fmt: skip
"""Values that suit none of the fields of `target`."""
NUMBERS = ("NaN", "Infinity", "-Infinity", "1e999", "9" * 5000, "1" + "0" * 400, "-1")


def mutate(plan: bytes, manifest: bytes, rng: random.Random) -> tuple[bytes, bytes, str]:
    """The two files with one of them broken in one way, and how."""
    table = json.loads(manifest)
    match rng.randrange(9):
        case 0:
            at = rng.randrange(len(plan))
            return plan[:at], manifest, f"plan cut at {at}"
        case 1:
            at = rng.randrange(len(plan))
            return flipped(plan, at, 1 << rng.randrange(8)), manifest, f"plan flipped at {at}"
        case 2:
            return plan + rng.randbytes(rng.randrange(1, 99)), manifest, "plan grown"
        case 3:
            at = rng.randrange(len(manifest) - 2)
            return plan, manifest[:at], f"manifest cut at {at}"
        case 4:
            at = rng.randrange(len(manifest))
            return plan, flipped(manifest, at, 128), f"manifest flipped at {at}"
        case 5:
            key = rng.choice(sorted(set(table) - {"version_compatible"}))
            del table[key]
            how = f"no {key}"
        case 6:
            key = rng.choice(("extra", "__class__", "trusted", "", "SCHEMA"))
            table[key] = rng.choice((1, {}))
            how = f"one more key, {key!r}"
        case 7:
            where, key = target(table, rng)
            where[key] = "the number"
            number = rng.choice(NUMBERS)
            text = json.dumps(table).replace('"the number"', number)
            return plan, text.encode(), f"{key} = {number[:20]}"
        case _:
            where, key = target(table, rng)
            where[key] = rng.choice(WRONG)
            how = f"{key} = {ascii(where[key])[:40]}"
    return plan, json.dumps(table).encode(), how


def flipped(content: bytes, at: int, bits: int) -> bytes:
    return content[:at] + bytes([content[at] ^ bits]) + content[at + 1 :]


def target(table: dict[str, Any], rng: random.Random) -> tuple[dict[str, Any], str]:
    """A field in the manifest or below it, where every value of WRONG and NUMBERS is wrong."""
    pre = table["spec"]["preprocessing"]
    top = (
        "plan_sha256",
        "plan_bytes",
        "onnx",
        "onnx_sha256",
        "tensorrt",
        "compute_capability",
        "precision",
        "profile",
        "io",
        "spec",
        "created",
        "schema",
    )
    places = [
        *((table, key) for key in top),
        *((table["profile"], key) for key in table["profile"]),
        *((table["io"][0], key) for key in ("kind", "shape", "dtype")),
        *((pre, key) for key in ("width", "height", "channels", "mean", "std", "colour")),
        *((table["spec"], key) for key in ("labels", "output", "preprocessing")),
    ]
    return rng.choice(places)


def test_500_broken_manifests_and_plans_are_each_refused_before_tensorrt_sees_them(
    plan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, module in tensorrt_double.modules("10.3.0.26").items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setenv("EDGEFER_TRT_DOUBLE_CC", "8.7")
    monkeypatch.setattr(runtime, "used", set())
    given = ("Runtime", "deserialize_cuda_engine")
    config = EngineConfig(model=str(plan))
    files = plan, manifest_path(plan)
    good = files[0].read_bytes(), files[1].read_bytes()
    lying = list(good)

    def lay(*contents: bytes) -> None:
        for n, content in enumerate(contents):
            if content != lying[n]:
                files[n].write_bytes(content)
                lying[n] = content

    rng = random.Random(20260101)
    for number in range(500):
        first, second, how = mutate(good[0], good[1], rng)
        print(f"{number}: {how}")
        lay(first, second)
        with pytest.raises(EdgeferError) as caught:
            open_engine(config)
        assert "\x1b" not in str(caught.value)
        str(caught.value).encode()
        assert given not in runtime.used
    lay(*good)
    open_engine(config).close()
    assert given in runtime.used


def test_a_file_is_described_without_tensorrt(plan: Path) -> None:
    file = read_plan(plan)
    assert file == PlanFile(plan, plan.stat().st_size, file.sha256, (10, 3, 0, 26))
