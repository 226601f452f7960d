"""A stand-in for TensorRT and PyCUDA, for machines without a GPU. It runs on no GPU and proves
nothing about one: it proves that we call what exists, in an order that the real thing accepts.

`runtime.py` is what loads and runs plans, `builder.py` what makes them, `cuda.py` PyCUDA's
driver. Python 3.6 dialect, as the code that they test. The folder `path` holds what `import
tensorrt` and `import pycuda.driver` find when it stands on PYTHONPATH; within this process,
`modules(version)` gives both.

EDGEFER_TRT_DOUBLE says which TensorRT it is (one of VERSIONS): only that version's API exists,
as test_trt_bindings.py verifies against the real bindings. EDGEFER_TRT_DOUBLE_FAULT makes it
fail; see `cuda.Fault`. EDGEFER_TRT_DOUBLE_CC is its compute capability.
"""

import types
from pathlib import Path
from typing import Any, Dict

from . import builder, cuda, runtime

VERSIONS = ("8.2.1.8", "8.6.1.6", "10.3.0.26", "10.13.3.9", "11.4.0.106")
PATH = str(Path(__file__).resolve().parent / "path")
"""The folder for PYTHONPATH."""


def tensorrt(version: str) -> Any:
    """The module `tensorrt` of this version: runtime's names and builder's."""
    module = types.ModuleType("tensorrt")
    number = tuple(int(part) for part in version.split("."))
    names = runtime.names(number)
    module.__dict__.update(names)
    module.__dict__.update(builder.names(number, names))
    module.__version__ = version  # type: ignore[attr-defined]
    return module


def modules(version: str) -> Dict[str, Any]:
    """What to put into `sys.modules`."""
    package = types.ModuleType("pycuda")
    package.driver = cuda  # type: ignore[attr-defined]
    return {"tensorrt": tensorrt(version), "pycuda": package, "pycuda.driver": cuda}
