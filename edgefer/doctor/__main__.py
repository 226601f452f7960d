"""`python -m edgefer.doctor [--json]`: works even where numpy or OpenCV cannot be loaded."""

from __future__ import annotations

import sys

from edgefer.doctor import examine
from edgefer.doctor.machine import Machine


def main(argv: list[str]) -> int:
    """Print the page, or JSON; returns the exit code."""
    examination = examine(Machine())
    print(examination.json() if "--json" in argv else examination.page())
    return examination.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
