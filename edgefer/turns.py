"""Short work takes turns.

Each call into OpenCV or NumPy lets go of Python's interpreter lock and asks for it back. While
another worker is awake it takes the lock in between, and the hand-over costs more than a call of
some microseconds: two workers that prepare tensors at the same time are slower than one after the
other. So the stretches of small calls before and after a network's run are held under one lock,
and the network's run, which is nine tenths of the time, is not. Measured by
`python -m benchmarks.pipeline`.
"""

from __future__ import annotations

import threading

short_work = threading.Lock()
"""For a stretch of small calls that takes well under a millisecond; never around a network's run
or anything that may block."""
