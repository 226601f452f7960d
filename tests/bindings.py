"""The real Python side of TensorRT and PyCUDA, to look at on machines that have neither.

    python -m tests.bindings           fetch TensorRT's four (5 MB) and print what each is
    python -m tests.bindings pycuda    build PyCUDA (80 s; needs cc and CUDA's headers)

TensorRT's wheels hold a pybind11 module that is linked to libnvinfer and its like, and asks a
dozen functions of them. Empty libraries of the same names, whose functions all return 0, satisfy
the linker; then every class, method and docstring is the real one, and nothing can be run.
PyCUDA is satisfied likewise by an empty libcuda. Everything goes to `.cache`, which git ignores:
NVIDIA's wheels are its own and are not passed on here.

Needs Linux on x86-64 with glibc, `cc` and Python 3.10 or 3.11 (8.6.1 has no newer one).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

CACHE = Path(__file__).parent.parent / ".cache" / "bindings"

WHEELS = {
    "8.6.1": ("tensorrt_bindings", {
        "310": "6f9d26d5d8f6b87d62048c5ef4bb33b179cdf944d1b28480458d8c27d1e65456",
        "311": "705cfab5c60f0bed7d939559d880165a761bd9ac0f4203004948a760eef99838",
    }),
    "10.3.0": ("tensorrt_cu12_bindings", {
        "310": "1d6e4cf08ef1f54f6fd44a33cf6b253050af2fc6e9a1d92e40e1436a1d858eb0",
        "311": "59ace22d7f2ca1e9dcde2cb0cb5916912cb3cd5a9d72dd7852be0160d9b3a0ee",
    }),
    "10.13.3.9": ("tensorrt_cu12_bindings", {
        "310": "3ca2635394789dd62346ff5ee3f02def53cee2cd21247cc342461dc721893a1e",
        "311": "33aa9d104c04b008871645a97bd8a1a02279cf498d251df5e767d9d5183e0646",
    }),
    "11.4.0.106": ("tensorrt_cu12_bindings", {
        "310": "d9f927d7337c360c3947d99fc0db17c3b3b935e677237f0475c7b054f28d2540",
        "311": "e2ab48f316bbff6a7a44a30e94a9ceb0d2cf6645ff39feadecfa68d7cb7a94bf",
    }),
}  # fmt: skip
"""Package and SHA-256 of each version's wheel on PyPI, by Python version."""

PYCUDA = "pycuda==2026.1", "numpy==2.2.6"

ASKED = (
    "createInferBuilder_INTERNAL",
    "createInferRuntime_INTERNAL",
    "createInferRefitter_INTERNAL",
    "createNvOnnxParser_INTERNAL",
    "createNvOnnxParserRefitter_INTERNAL",
    "getBuilderPluginRegistry",
    "getPluginRegistry",
    "getNvOnnxParserVersion",
    "initLibNvInferPlugins",
    "_ZN11nvuffparser15createUffParserEv",
    "_ZN11nvuffparser8FieldMapC1EPKcPKvNS_9FieldTypeEi",
    "_ZN14nvcaffeparser117createCaffeParserEv",
    "_ZN14nvcaffeparser123shutdownProtobufLibraryEv",
)
"""What the modules ask of their libraries (`nm -D --undefined-only`); the last four only 8.6."""


class Unavailable(Exception):
    """Why the bindings cannot be had here, and what to do."""


def census(version: str) -> dict[str, Any]:
    """What there is in a version: {"__version__", "classes": {class: {attribute: signatures}},
    "functions": {name: signatures}}, from a process of its own, for all versions have one name."""
    folder = fetch(version)
    done = _run(sys.executable, __file__, "census", folder)
    found: dict[str, Any] = json.loads(done)
    return found


def fetch(version: str) -> Path:
    """The folder with the unpacked wheel and its empty libraries. Raises Unavailable."""
    python = "{}{}".format(*sys.version_info[:2])
    package, hashes = WHEELS[version]
    if python not in hashes:
        raise Unavailable(f"no wheel for Python {python}: run the tests on 3.10 or 3.11")
    if shutil.which("cc") is None:
        raise Unavailable("no C compiler: apt install gcc")
    home = CACHE / f"{version}-{python}"
    if (home / "ready").exists():
        return home
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    wanted = home / "requirements.txt"
    wanted.write_text(f"{package}=={version} --hash=sha256:{hashes[python]}\n")
    _run(sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps",
         "--only-binary=:all:", "--require-hashes", "-r", wanted, "-d", home)  # fmt: skip
    (wheel,) = home.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(home)
    source = home / "empty.c"
    source.write_text("".join(f"void *{name}(void) {{ return 0; }}\n" for name in ASKED))
    module = (home / "tensorrt_bindings" / "tensorrt.so").read_bytes()
    for name in {found.decode() for found in re.findall(rb"libnv[a-z_]+\.so\.\d+", module)}:
        _compile(source, home / name)
    (home / "ready").touch()
    return home


def fetch_pycuda() -> Path:
    """The Python of an environment with PyCUDA and an empty libcuda. Raises Unavailable."""
    home = CACHE / "pycuda"
    python = home / "bin" / "python"
    if (home / "ready").exists():
        return python
    shutil.rmtree(home, ignore_errors=True)
    _run(sys.executable, "-m", "venv", home)
    source = home / "empty.c"
    source.write_text("int edgefer_empty;\n")
    _compile(source, home / "libcuda.so", "libcuda.so.1")
    cuda = os.environ.get("CUDA_HOME", "/usr/local/cuda")
    (home / ".aksetup-defaults.py").write_text(
        f"CUDA_ROOT = {cuda!r}\nCUDA_ENABLE_CURAND = False\nCUDADRV_LIB_DIR = [{str(home)!r}]\n"
    )
    _run(python, "-m", "pip", "install", "-q", *PYCUDA, HOME=str(home))
    (extension,) = home.glob("lib/python*/site-packages/pycuda/_driver*.so")
    names = {line.split()[-1].partition("@")[0]
             for line in _run("nm", "-D", "--undefined-only", extension).splitlines()}  # fmt: skip
    asked = sorted(name for name in names if name.startswith("cu"))
    # 100 is CUDA_ERROR_NO_DEVICE. PyCUDA prints the text that it asks for, so there must be one.
    source.write_text(
        'int cuGetErrorString(int e, const char **p) { *p = "empty driver"; return 0; }\n'
        + "".join(f"int {n}(void) {{ return 100; }}\n" for n in asked if n != "cuGetErrorString")
    )
    _compile(source, home / "libcuda.so.1")
    (home / "ready").touch()
    return python


def census_pycuda() -> dict[str, Any]:
    """As `census`, of pycuda.driver; only names, for its signatures are C++'s."""
    python = fetch_pycuda()
    done = _run(python, __file__, "look", CACHE / "pycuda" / "libcuda.so.1")
    found: dict[str, Any] = json.loads(done)
    return found


def _compile(source: Path, library: Path, soname: str = "") -> None:
    _run("cc", "-shared", "-fPIC", "-w", f"-Wl,-soname,{soname or library.name}", "-o", library,
         source)  # fmt: skip


def _run(*command: object, **environment: str) -> str:
    try:
        done = subprocess.run(
            [str(part) for part in command],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, **environment},
        )
    except (OSError, subprocess.CalledProcessError) as exc:
        told = (getattr(exc, "stderr", "") or str(exc)).strip()[-400:]
        raise Unavailable(f"{command[0]} failed: {told}. Is there a network?") from exc
    return done.stdout


# What follows runs in the processes that import the bindings.


def _load(libraries: list[Path]) -> None:
    import ctypes

    for library in libraries:
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)  # found again by its soname


def _look(module: Any) -> dict[str, Any]:
    classes: dict[str, dict[str, list[str]]] = {}
    functions: dict[str, list[str]] = {}
    for name, value in vars(module).items():
        if isinstance(value, type):
            kept = [one for one in dir(value) if one[0] != "_" or one in ("__init__", "__int__")]
            classes[name] = {one: _signatures(one, getattr(value, one, None)) for one in kept}
        elif callable(value):
            functions[name] = _signatures(name, value)
    version = getattr(module, "__version__", "")
    return {"__version__": version, "classes": classes, "functions": functions}


def _try(trt: Any) -> dict[str, Any]:
    """What of the runner can be run without a GPU: its logger, and its names of dtypes."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from edgefer.engines import trt_runner

    rows = trt_runner.logger(trt)
    for severity in ("INFO", "WARNING", "ERROR"):
        rows.log(getattr(trt.ILogger, severity), f"a row of {severity}")
    dtypes = [one for one in trt_runner.DTYPES if hasattr(trt.DataType, one)]
    names = {one: getattr(trt.DataType, one).name for one in dtypes}
    shape = [*trt.Dims((1, 3, 8, 8))]
    return {"said": trt_runner.said(), "dtypes": names, "shape": shape}


def _signatures(name: str, value: object) -> list[str]:
    """The arguments of each overload, as pybind11 writes them into the docstring."""
    doc = getattr(value, "__doc__", None) or ""
    return re.findall(rf"^(?:\d+\. )?{name}\((.*)\)(?: -> .*)?$", doc, re.MULTILINE)


def main(arguments: list[str]) -> None:
    """See the top of the file."""
    match arguments:
        case ["census", folder]:
            home = Path(folder)
            _load(sorted(home.glob("libnv*")))
            sys.path.insert(0, str(home))
            import tensorrt_bindings  # type: ignore[import-not-found]

            print(json.dumps({**_look(tensorrt_bindings), **_try(tensorrt_bindings)}))
        case ["look", library]:
            _load([Path(library)])
            import pycuda.driver

            print(json.dumps(_look(pycuda.driver)))
        case ["pycuda"]:
            print(f"pycuda.driver: {len(census_pycuda()['classes'])} classes")
        case _:
            for version in WHEELS:
                found = census(version)
                print(f"{version}: {found['__version__']}, {len(found['classes'])} classes")


if __name__ == "__main__":
    main(sys.argv[1:])
