"""The verdict: may the treatment replace the control? Rows with intervals, and a decision with its reasons."""

from pytest_graysplit.verdict.criteria import Criterion
from pytest_graysplit.verdict.decision import Changes, Verdict, decide
from pytest_graysplit.verdict.early import EarlyStop
from pytest_graysplit.verdict.pairs import order_of
from pytest_graysplit.verdict.planning import power_line
from pytest_graysplit.verdict.run_facts import RunFacts, StopReason

__all__ = ["Changes", "Criterion", "EarlyStop", "RunFacts", "StopReason", "Verdict", "decide", "order_of", "power_line"]
