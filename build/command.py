#!/usr/bin/python3
"""The `initpy` command of an installed initpy."""

import sys

sys.path.insert(0, "@LIBRARY@")

from initpy.cli import main

raise SystemExit(main())
