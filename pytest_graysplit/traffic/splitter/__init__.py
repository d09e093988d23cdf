"""Who gets which model: units are split by a hash, so that each meets the same model for the whole experiment.

Pure: no clock takes part (a key that holds the hour moves users every hour), and no memory of who was assigned before.
"""

from pytest_graysplit.traffic.splitter.arms import Assignment, Split, unknown_arm
from pytest_graysplit.traffic.splitter.checks import MOST_ARMS
from pytest_graysplit.traffic.splitter.layout import BASIS_POINTS
from pytest_graysplit.traffic.splitter.splitter import TrafficSplitter, Unit

__all__ = ["BASIS_POINTS", "MOST_ARMS", "Assignment", "Split", "TrafficSplitter", "Unit", "unknown_arm"]
