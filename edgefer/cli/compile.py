"""`edgefer compile`: an ONNX file becomes a TensorRT plan for this device."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from edgefer.config import PACKAGED_MODELS, Config, model_folder
from edgefer.config_file import load_config
from edgefer.engines import find_model, interpreter
from edgefer.engines.trt_build import MAX_BATCH, WORKSPACE, Built, Order, compile_plan
from edgefer.errors import ConfigError, OutputError
from edgefer.manifest import manifest_path, size_text

DESCRIPTION = """\
Build a TensorRT plan from an ONNX file, on the device that is to run it: a
plan is timed on its GPU and fits no other TensorRT. It takes minutes. The
plan is run beside ONNX Runtime on drawn faces before it is kept; the manifest
MODEL.plan.json beside it says what it was built from and for.

This was tested with a double of TensorRT, and never on a GPU or a Jetson."""

UNITS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
LEAST, MOST = 1 << 20, 1 << 40
"""Bytes of workspace: below, no network builds; above, the number is a mistake."""


def add(commands: Any) -> None:  # Any: argparse names no type for this
    parser = commands.add_parser(
        "compile",
        help="build a TensorRT plan from an ONNX file, on its device",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL.onnx", help="a path, or a name in the model folder")
    parser.add_argument("-o", "--output", type=Path, metavar="MODEL.plan",
                        help="the plan (default: MODEL.plan beside MODEL.onnx, or in the "
                        "model folder where that came with edgefer)")  # fmt: skip
    parser.add_argument(
        "--precision",
        choices=("fp16", "fp32", "best"),
        default="fp16",
        help="best builds both and keeps the faster one whose answers are right (default fp16). "
        "TensorRT 11 makes FP16 only from an FP16 ONNX",
    )
    parser.add_argument("--max-batch", type=int, default=MAX_BATCH, metavar="N",
                        help=f"faces in one call (default {MAX_BATCH})")  # fmt: skip
    parser.add_argument("--workspace", default=size_text(WORKSPACE), metavar="SIZE",
                        help="memory that a layer may take, in KiB, MiB or GiB "
                        f"(default {size_text(WORKSPACE)})")  # fmt: skip
    parser.add_argument("--timing-cache", type=Path, metavar="FILE",
                        help="times of earlier builds (default: in the model folder, one for each "
                        "TensorRT and GPU)")  # fmt: skip
    parser.add_argument("--python", metavar="PYTHON",
                        help="the Python that has TensorRT and PyCUDA (default: engine.python of "
                        "the configuration)")  # fmt: skip
    parser.add_argument("--config", type=Path, metavar="FILE", help="take engine.python from it")
    parser.set_defaults(call=call)


def call(args: argparse.Namespace) -> int:
    if not 1 <= args.max_batch <= 256:
        raise ConfigError(f"--max-batch is {args.max_batch}; it takes 1 to 256")
    onnx = find_model(args.model)
    if onnx.suffix != ".onnx":
        raise ConfigError(f"{onnx} is no .onnx file; a plan is built from one")
    plan = args.output or _beside(onnx)
    if plan.suffix not in (".plan", ".engine"):
        raise ConfigError(f"-o is {plan}; the name of a plan ends in .plan or .engine")
    config = load_config(args.config) if args.config else Config()
    order = Order(
        onnx=onnx,
        plan=plan,
        precision=args.precision,
        max_batch=args.max_batch,
        workspace_bytes=size(args.workspace),
        timing_cache=args.timing_cache,
        python=args.python or interpreter(config.engine),
    )
    progress = Progress(onnx.name)
    try:
        built = compile_plan(order, progress)
    finally:
        progress.end()
    print(_told(order, built))
    return 0


def _beside(onnx: Path) -> Path:
    """Beside the model, or in the model folder where the model came with edgefer: packages are
    not written into."""
    if onnx.parent != PACKAGED_MODELS:
        return onnx.with_suffix(".plan")
    folder = model_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise OutputError(f"cannot create the model folder {folder}: {exc.strerror}") from exc
    return folder / onnx.with_suffix(".plan").name


def size(text: str) -> int:
    """Bytes of "256MiB". Raises ConfigError."""
    match = re.fullmatch(r"([0-9]{1,15})(KiB|MiB|GiB|)", text)
    found = int(match[1]) * UNITS[match[2]] if match else 0
    if not LEAST <= found <= MOST:
        raise ConfigError(f"--workspace is {text!r}; it takes a size such as 256MiB, from 1MiB on")
    return found


class Progress:
    """TensorRT's rows on stderr: a line that renews itself on a terminal, else what matters."""

    def __init__(self, name: str) -> None:
        self._name, self._row = name, ""
        self._terminal = sys.stderr.isatty()
        print(f"building {name}, which takes minutes on a Jetson", file=sys.stderr, flush=True)

    def __call__(self, elapsed: float, severity: str, row: str) -> None:
        if severity in ("INTERNAL_ERROR", "ERROR", "WARNING"):
            self.end()
            print(f"{severity.lower()}: {row}", file=sys.stderr, flush=True)
        self._row = " ".join(row.split()) or self._row
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            line = f"{self._name} {elapsed:5.0f} s  {self._row}"[:width]
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave the line clean for what comes next."""
        if self._terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _told(order: Order, built: Built) -> str:
    manifest = built.manifest
    where = f"{manifest.device}, compute capability {manifest.compute_capability}"
    return (
        f"{built.in_words()}\n"
        f"{order.plan}: {manifest.plan_bytes:,} bytes, {manifest.precision}, up to "
        f"{manifest.profile.most} faces, built in {manifest.build_seconds:.1f} s by TensorRT "
        f"{manifest.tensorrt} for {where}\n"
        f"{manifest_path(order.plan)}: what it was built from and for"
    )
