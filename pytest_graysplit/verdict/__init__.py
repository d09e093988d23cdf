"""The verdict: may the treatment replace the control? Rows with intervals, and a decision with its reasons."""

from pytest_graysplit.verdict.changes import Changes
from pytest_graysplit.verdict.criterion import Row
from pytest_graysplit.verdict.decision import Verdict, decide
from pytest_graysplit.verdict.early import EarlyStop
from pytest_graysplit.verdict.pairs import order_of
from pytest_graysplit.verdict.power import power_line
from pytest_graysplit.verdict.run_facts import RunFacts, Stop

__all__ = ["Changes", "EarlyStop", "Row", "RunFacts", "Stop", "Verdict", "decide", "order_of", "power_line"]
