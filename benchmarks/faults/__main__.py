"""The fault matrix: each fault is done to a real daemon, several times, and looked at from outside.

    python -m benchmarks.faults [--repeats 3] [--only WORDS]

Times are between a line's arrival in a file and another's, or what was done. The repeats of a
fault run side by side, each on a daemon of its own, but for a load on all cores. Beside what pip
installs it wants mosquitto, gstreamer1.0-tools with plugins-base, stress-ng and cc; and root, for
a small disk. --only keeps nothing.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

from benchmarks.claims import RESULTS
from benchmarks.faults import camera, engine, machine, outside
from benchmarks.faults.outcome import Row
from benchmarks.faults.shortened import told
from edgefer.bench.provenance import command_line, environment
from edgefer.files import replacing
from edgefer.tables import number
from edgefer.timing import clock

FAULTS = (*camera.FAULTS, *engine.FAULTS, *outside.FAULTS, *machine.FAULTS)


def unplaced(text: str) -> str:
    """Without the folders that this machine happens to have."""
    here = re.escape(f"{Path(__file__).parents[2]}/")
    return re.sub(rf"{here}|{re.escape(tempfile.gettempdir())}/tmp\w+/", "", text)


def main(repeats: int = 3, only: str = "") -> int:
    began, rows = clock(), []
    with tempfile.TemporaryDirectory() as folder:
        for fault in FAULTS:
            if only in fault.name:
                rows.append(fault.run(Path(folder), repeats))
                print(line(rows[-1]), flush=True)
    if not only:
        record = {
            "schema": "edgefer.faults/1",
            "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "argv": command_line(),
            "environment": environment(),
            "repeats": repeats,
            "shortened": told(),
            "seconds": round(clock() - began),
            "faults": [row.as_record() for row in rows],
        }
        with replacing(RESULTS / "faults.json") as file:
            file.write(unplaced(json.dumps(record, indent=2)).encode() + b"\n")
    return 1 if any(row.person_needed for row in rows) else 0


def line(row: Row) -> str:
    """For whoever waits."""
    times = [
        f"{number(o.noticed_ms, 0)} -> {number(o.recovered_ms, 0)} ms, {o.frames_lost} lost"
        for o in row.outcomes
    ]
    wrong = [what for o in row.outcomes for what in o.wrong]
    return "\n    ".join([f"{row.name}: {'; '.join(times)}", *wrong])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", default="", help="words of a fault's name")
    sys.exit(main(**vars(parser.parse_args())))
