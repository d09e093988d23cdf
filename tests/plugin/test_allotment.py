"""The parts of a cap never add up to more than it, whoever comes, crashes and comes again."""

from decimal import Decimal

import pytest

from pytest_graysplit.plugin.fetch.budget import WorkerBudgets
from pytest_graysplit.plugin.run_totals import RunTotals
from pytest_graysplit.replies.budget import BudgetTracker, BudgetUsage
from pytest_graysplit.replies.budget.file_ledger import FileLedger

CAP = Decimal("0.05")


@pytest.fixture
def allotment(tmp_path):
    return WorkerBudgets(tmp_path, "run1", CAP)


def test_workers_of_this_machine_share_one_account(allotment, tmp_path):
    """Each may spend all of the cap, and all of them together no more."""
    parts = [allotment.part(near=True, near_workers=3, workers=3) for _ in range(3)]
    assert parts == [("0.05", "0.050000000000", str(tmp_path / ".graysplit" / "budget" / "run1.json"))] * 3


def test_workers_elsewhere_get_equal_parts_for_good(allotment):
    """Rounded down; whoever takes the place of a crashed one gets nothing."""
    parts = [allotment.part(near=False, near_workers=0, workers=3) for _ in range(5)]
    assert [Decimal(own) for _, own, _ in parts] == [Decimal("0.016666666666")] * 3 + [Decimal(0)] * 2
    assert {(run, path) for run, _, path in parts} == {("0.05", "")}


def test_both_kinds_together_have_one_cap(allotment):
    """Two of five are near: they share two fifths."""
    near = allotment.part(near=True, near_workers=2, workers=5)
    far = [allotment.part(near=False, near_workers=2, workers=5) for _ in range(4)]
    assert Decimal(near[1]) + sum(Decimal(own) for _, own, _ in far) == CAP


def test_what_a_dead_worker_had_set_aside_is_counted(allotment):
    """It is spent, nobody is sure of it, and the account is gone when it is closed."""
    _, cap, path = allotment.part(near=True, near_workers=1, workers=1)
    spending = BudgetTracker(Decimal(cap), FileLedger(allotment._ledger.path), owner="gw0")
    spending.reserve(spending.reservation("m", Decimal("0.01")))
    allotment.release_dead_worker("gw0")
    allotment.release_dead_worker("gw1")
    with FileLedger(allotment._ledger.path).open() as totals:
        assert totals.reserved == {}
    assert allotment.close() == BudgetUsage(usd=Decimal("0.01"), unconfirmed_usd=Decimal("0.01"))
    assert allotment.close() is None
    assert path not in map(str, allotment._root.rglob("*"))


def test_the_tally_adds_up_all_accounts():
    """That of this machine, and those that workers elsewhere have sent; one refusal anywhere is a cap used up."""
    tally = RunTotals(spent_here=BudgetUsage(usd=Decimal("0.1")))
    worker = {"planned": 1, "deselected": 0, "skipped": 0, "failure": None, "notes": []}
    tally.add_worker(worker)
    assert (tally.spent.usd, tally.spent.refused_usd) == (Decimal("0.1"), None)
    tally.add_worker(worker | {"spent": BudgetUsage(usd=Decimal("0.2"), refused_usd=Decimal("0.01")).as_texts()})
    assert (tally.spent.usd, tally.spent.refused_usd is None) == (Decimal("0.3"), False)


def test_accounts_travel_as_texts_and_add_up():
    """What a worker on another machine has spent reaches the controller, to the last digit."""
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
