"""What `import pycuda.driver` finds in a process that has the folder above on its path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[4]))
from tests.tensorrt_double import cuda

del sys.path[0]
cuda.install_libcuda()
globals().update({name: value for name, value in vars(cuda).items() if name[0] != "_"})
