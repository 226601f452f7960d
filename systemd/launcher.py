#!/usr/bin/python3 -I
"""What `make install` puts at PREFIX/bin/edgefer: edgefer from PREFIX/lib/edgefer.

-I keeps $PYTHONPATH and a user's own packages out of the service.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib" / "edgefer"))

if __name__ == "__main__":  # else, as a process of the bench imports it again
    from edgefer.cli import main

    sys.exit(main())
