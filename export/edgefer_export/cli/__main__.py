"""`python -m edgefer_export.cli`."""

import sys

from edgefer_export.cli import main

sys.exit(main())
