"""What a manifest says against what is here: every difference, and the command that mends it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgefer.errors import ModelError
from edgefer.manifest.plan import PlanFile, compile_command, same_version, size_text, version
from edgefer.manifest.record import UNAVAILABLE, PlanManifest, TensorIO, contract
from edgefer.spec import ModelSpec


class PlanMismatch(ModelError):
    """A plan that was not built for this device, or is not the file that was built.

    `differences` are all of them, `command` the one that mends them.
    """

    def __init__(self, plan: Path, differences: tuple[Mismatch, ...], command: str) -> None:
        self.differences, self.command = differences, command
        rows = "".join(f"\n  {difference}" for difference in differences)
        super().__init__(f"{plan} does not belong here and is not loaded:{rows}\n"
                         f"Build it on this device: {command}")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Here:
    """What this device has; None where it cannot be read or is not there."""

    tensorrt: str | None = None
    cuda: str | None = None
    compute_capability: str | None = None
    device: str | None = None
    multiprocessors: int | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One difference between what a plan was built for and what is here."""

    what: str
    """plan, header, TensorRT, compute capability or I/O; device, multiprocessors or memory."""
    built: str
    here: str
    fatal: bool = True
    """False where the plan runs all the same, perhaps slower than one that was timed here."""

    def __str__(self) -> str:
        return f"{self.what}: built {self.built}, here {self.here}"


def mismatches(manifest: PlanManifest, here: Here, plan: PlanFile) -> tuple[Mismatch, ...]:
    """Every difference, in the order in which a loader meets them; () where the plan belongs here.

    The file's hash, its header, TensorRT's version (for a version-compatible plan: the same
    major, and not older), the compute capability, the inputs and outputs against the spec; then
    device, multiprocessors and memory, which are not fatal.
    """
    found = [
        *_file(manifest, plan),
        *_tensorrt(manifest, here),
        *_capability(manifest, here),
        *io_mismatches(manifest.io, manifest.spec),
    ]
    for what, built, now in (
        ("device", manifest.device, here.device),
        ("multiprocessors", manifest.multiprocessors, here.multiprocessors),
        ("memory", _gib(manifest.memory_bytes), _gib(here.memory_bytes)),
    ):
        if not manifest.trusted and now is not None and built != now:
            found.append(Mismatch(what, str(built), str(now), fatal=False))
    return tuple(found)


def _file(manifest: PlanManifest, plan: PlanFile) -> list[Mismatch]:
    found = []
    if plan.sha256 != manifest.plan_sha256:
        built = f"sha256 {manifest.plan_sha256[:12]}..., {manifest.plan_bytes:,} bytes"
        found.append(Mismatch("plan", built, f"sha256 {plan.sha256[:12]}..., {plan.bytes:,} bytes"))
    built_with = version(manifest.tensorrt)
    has_header = built_with is not None and built_with >= (8, 6)
    if manifest.trusted:
        return found
    if plan.header is None and has_header:
        found.append(Mismatch("header", manifest.tensorrt, "none: cut off, or no plan"))
    elif plan.header is not None and (not has_header or not same_version(built_with, plan.header)):
        found.append(Mismatch("header", manifest.tensorrt, ".".join(map(str, plan.header))))
    return found


def _tensorrt(manifest: PlanManifest, here: Here) -> list[Mismatch]:
    built, now = version(manifest.tensorrt), version(here.tensorrt or "")
    if built is None or (now is not None and same_version(built, now)):
        return []  # unknown only where a plan is trusted
    if manifest.version_compatible and now and built[0] == now[0] and built <= now:
        return []
    return [Mismatch("TensorRT", manifest.tensorrt, here.tensorrt or "none")]


def _capability(manifest: PlanManifest, here: Here) -> list[Mismatch]:
    built, now = manifest.compute_capability, here.compute_capability
    if built in (now, UNAVAILABLE):
        return []
    return [Mismatch("compute capability", built, now or "no GPU that can be read")]


def io_mismatches(io: tuple[TensorIO, ...], spec: ModelSpec) -> tuple[Mismatch, ...]:
    """What a plan's inputs and outputs, from a manifest or from the loaded plan, do not keep of
    the spec's contract: one input, (batch, C, h, w) float32, and first of the outputs the answer,
    (batch, labels) float32. A batch of 1 may be fixed."""
    found = []
    for wanted in contract(spec):
        having = [one for one in io if one.kind == wanted.kind]
        fits = [one for one in having[:1] if _fits(one, wanted)]
        if not fits or (wanted.kind == "input" and len(having) > 1):
            told = "; ".join(_told(one) for one in having) or "none"
            found.append(Mismatch(f"I/O ({wanted.kind})", told, f"{_told(wanted)} in the spec"))
    return tuple(found)


def _fits(tensor: TensorIO, wanted: TensorIO) -> bool:
    return (
        tensor.dtype == wanted.dtype
        and tensor.shape[1:] == wanted.shape[1:]
        and tensor.shape[:1] in ((-1,), (1,))
    )


def _told(tensor: TensorIO) -> str:
    return f"{tensor.name} {tensor.dtype} {tensor.shape}".strip()


def refuse(manifest: PlanManifest, here: Here, plan: PlanFile) -> tuple[Mismatch, ...]:
    """Raises PlanMismatch, which lists every fatal difference, where there is one; gives the
    others, for a warning."""
    found = mismatches(manifest, here, plan)
    if fatal := tuple(one for one in found if one.fatal):
        raise PlanMismatch(plan.path, fatal, rebuild_command(manifest, plan.path))
    return found


def refuse_changed(manifest: PlanManifest, plan: PlanFile) -> None:
    """Raises PlanMismatch where the file is not the one that the manifest vouches for, whatever
    device this is."""
    if found := _file(manifest, plan):
        raise PlanMismatch(plan.path, tuple(found), rebuild_command(manifest, plan.path))


def rebuild_command(manifest: PlanManifest, plan: Path) -> str:
    """What builds the plan again, with the options it was built with, where they are known."""
    onnx = plan.with_name(manifest.onnx)
    if not onnx.is_file():
        onnx = Path(manifest.onnx)  # `edgefer compile` looks for a bare name where models lie
    if manifest.trusted:
        return compile_command(onnx, plan)
    options = [f"--precision {manifest.precision}", f"--max-batch {manifest.profile.most}"]
    if manifest.workspace_bytes:
        options.append(f"--workspace {size_text(manifest.workspace_bytes)}")
    return " ".join((compile_command(onnx, plan), *options))


def _gib(size: int | None) -> str | None:
    return None if size is None else f"{size / (1 << 30):.1f} GiB"
