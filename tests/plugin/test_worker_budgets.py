"""Budgets of xdist workers: their sum never exceeds the cap, also when workers crash and are replaced."""

from decimal import Decimal
from pathlib import Path

import pytest

from pytest_graysplit.plugin.fetch.budget import WorkerBudgets
from pytest_graysplit.plugin.run_totals import RunTotals
from pytest_graysplit.replies.budget import BudgetTracker, BudgetUsage, FileLedger

CAP = Decimal("0.05")


@pytest.fixture
def budgets(tmp_path):
    return WorkerBudgets(tmp_path, "run1", CAP)


def test_local_workers_share_one_ledger(budgets, tmp_path):
    """Each worker may spend the whole cap, but all of them together spend it only once."""
    shares = [budgets.part(near=True, near_workers=3, workers=3) for _ in range(3)]
    assert shares == [("0.05", "0.050000000000", str(tmp_path / ".graysplit" / "budget" / "run1.json"))] * 3


def test_remote_workers_get_fixed_equal_shares(budgets):
    """Shares are rounded down, and the replacement of a crashed worker gets nothing."""
    shares = [budgets.part(near=False, near_workers=0, workers=3) for _ in range(5)]
    assert [Decimal(own) for _, own, _ in shares] == [Decimal("0.016666666666")] * 3 + [Decimal(0)] * 2
    assert {(run, path) for run, _, path in shares} == {("0.05", "")}


def test_local_and_remote_workers_stay_within_one_cap(budgets):
    """Two of five workers are local, so they share two fifths."""
    near = budgets.part(near=True, near_workers=2, workers=5)
    far = [budgets.part(near=False, near_workers=2, workers=5) for _ in range(4)]
    assert Decimal(near[1]) + sum(Decimal(own) for _, own, _ in far) == CAP


def test_reservation_of_a_dead_worker_counts_as_spent(budgets):
    """Its amount is spent but unconfirmed, and closing the ledger deletes its file."""
    _, cap, path = budgets.part(near=True, near_workers=1, workers=1)
    tracker = BudgetTracker(Decimal(cap), FileLedger(Path(path)), owner="gw0")
    tracker.reserve(tracker.reservation("m", Decimal("0.01")))
    budgets.release_dead_worker("gw0")
    budgets.release_dead_worker("gw1")
    with FileLedger(Path(path)).open() as totals:
        assert totals.reserved == {}
    assert budgets.close() == BudgetUsage(usd=Decimal("0.01"), unconfirmed_usd=Decimal("0.01"))
    assert budgets.close() is None
    assert not Path(path).exists()


def test_run_totals_add_up_the_usage_of_all_workers():
    """One refused request, here or on a remote worker, means that the cap is used up."""
    run_totals = RunTotals(spent_here=BudgetUsage(usd=Decimal("0.1")))
    worker = {"planned": 1, "deselected": 0, "skipped": 0, "failure": None, "notes": []}
    run_totals.add_worker(worker)
    assert (run_totals.spent.usd, run_totals.spent.refused_usd) == (Decimal("0.1"), None)
    run_totals.add_worker(worker | {"spent": BudgetUsage(usd=Decimal("0.2"), refused_usd=Decimal("0.01")).as_texts()})
    assert (run_totals.spent.usd, run_totals.spent.refused_usd is None) == (Decimal("0.3"), False)


def test_budget_usage_survives_serialisation_and_adds_up():
    """The usage of a remote worker reaches the controller to the last digit."""
    one = BudgetUsage(
        usd=Decimal("0.1"), unconfirmed_usd=Decimal("0.02"), price_overruns={"a": Decimal(2), "b": Decimal(3)}
    )
    two = BudgetUsage(usd=Decimal("0.3"), refused_usd=Decimal("0.01"), price_overruns={"a": Decimal(4)})
    assert BudgetUsage.from_texts(one.as_texts()) == one
    assert BudgetUsage.from_texts(two.as_texts()) == two
    assert one + two == BudgetUsage(
        usd=Decimal("0.4"),
        unconfirmed_usd=Decimal("0.02"),
        refused_usd=Decimal("0.01"),
        price_overruns={"a": Decimal(4), "b": Decimal(3)},
    )
