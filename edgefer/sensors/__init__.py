"""What a machine lets a user read of itself: heat, power, clocks, throttling, its processes.

Everything is read below a folder that stands for /sys or /proc, so that any device can be laid
out as files. What cannot be read is missing or None, never 0.
"""

from __future__ import annotations

from edgefer.sensors.files import PROC, SYS
from edgefer.sensors.heat import temperatures
from edgefer.sensors.power import powers

__all__ = ["PROC", "SYS", "powers", "temperatures"]
