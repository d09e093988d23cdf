"""Entry point of `python -m pytest_graysplit`, which runs the command `graysplit`."""

import sys

from pytest_graysplit.cli import main

sys.exit(main())
