"""`python -m initpy`."""

import sys

from initpy.cli import main

sys.exit(main())
