"""Assign units to arms by a hash, so that a unit gets the same model for the whole experiment.

The assignment depends neither on the time (a key that contains the hour moves users every hour) nor on earlier
assignments.
"""

from pytest_graysplit.traffic.splitter.arms import BASIS_POINTS, Assignment, Split, unknown_arm
from pytest_graysplit.traffic.splitter.checks import MOST_ARMS
from pytest_graysplit.traffic.splitter.rolled_back import RolledBack
from pytest_graysplit.traffic.splitter.splitter import TrafficSplitter, Unit

__all__ = ["BASIS_POINTS", "MOST_ARMS", "Assignment", "RolledBack", "Split", "TrafficSplitter", "Unit", "unknown_arm"]
