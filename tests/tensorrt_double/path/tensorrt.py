"""What `import tensorrt` finds in a process that has this folder on its path."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from tests.tensorrt_double import tensorrt

del sys.path[0]
globals().update(tensorrt(os.environ["EDGEFER_TRT_DOUBLE"]).__dict__)
