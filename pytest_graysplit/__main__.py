"""`python -m pytest_graysplit` is the command `graysplit`."""

import sys

from pytest_graysplit.cli import main

sys.exit(main())
