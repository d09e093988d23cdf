"""The budget tracker of a capped run: the cap holds for any order of reservations and settlements."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.replies.budget import BudgetTracker, MemoryLedger, Totals, release_dead_worker
from pytest_graysplit.replies.budget.ledger import units

MODEL = "deepseek-v3.2"
amounts = st.decimals(min_value=0, max_value=3, places=4)


def tracker_of(cap="1", ledger=None, owner=""):
    return BudgetTracker(Decimal(cap), ledger or MemoryLedger(), owner=owner)


def reserve(tracker, amount, model=MODEL):
    held = tracker.reservation(model, Decimal(amount))
    return tracker.reserve(held), held


@given(st.lists(st.tuples(amounts, st.one_of(st.none(), st.integers(0, 100)), st.integers(0, 9)), max_size=60))
def test_no_interleaving_exceeds_the_cap(steps):
    """Owners reserve, then settle at the cost or as unknown, in any order: spent and reserved stay within the cap."""
    ledger = MemoryLedger()
    owners = [tracker_of("5", ledger, owner) for owner in "abc"]
    in_flight = []
    truly_spent = Decimal(0)
    for amount, percent, choice in steps:
        tracker = owners[choice % 3]
        result, held = reserve(tracker, amount, model=f"model-{choice % 2}")
        if result == "reserved":
            in_flight.append((tracker, held, amount, percent))
        if in_flight and choice > 3:
            tracker, held, reserved, billed = in_flight.pop(choice % len(in_flight))
            actual = None if billed is None else reserved * billed / 100
            truly_spent += reserved if actual is None else actual
            tracker.settle(held, actual)
        most = truly_spent + sum(reserved for _, _, reserved, _ in in_flight)
        assert owners[0].usage().usd == most <= 5


@given(st.lists(st.tuples(amounts, st.decimals(min_value=1, max_value=4, places=3)), max_size=30))
def test_price_overrun_scales_later_reservations(steps):
    """One at a time, the cap is exceeded by at most the amount that a reply cost above everything known before it."""
    tracker, known = tracker_of("5"), Decimal(1)
    for amount, factor in steps:
        result, held = reserve(tracker, amount)
        if result == "reserved":
            tracker.settle(held, amount * factor)
            assert tracker.usage().usd <= 5 + amount * max(0, factor - known)
            known = max(known, factor if amount else known)
            assert tracker.usage().price_overruns.get(MODEL, 1) == known


def test_reservation_waits_for_requests_in_flight():
    """It succeeds as soon as enough has been released."""
    tracker = tracker_of("1")
    _, first = reserve(tracker, "0.8")
    assert reserve(tracker, "0.3")[0] == "wait"
    tracker.settle(first, Decimal("0.1"))
    assert reserve(tracker, "0.9")[0] == "reserved"


def test_first_refusal_ends_the_sending_for_all():
    """Also for cheaper ones and other owners: the rest would not be a random part of the suite."""
    ledger = MemoryLedger()
    one, two = tracker_of("1", ledger, "a"), tracker_of("1", ledger, "b")
    _, held = reserve(one, "0.7")
    one.settle(held, Decimal("0.7"))
    assert reserve(one, "0.4")[0] == "used-up"
    assert reserve(one, "0.1")[0] == reserve(two, "0.1")[0] == "used-up"
    assert two.usage().refused_usd == Decimal("0.4")


def test_cap_itself_may_be_spent():
    """To the last picodollar, and not one more."""
    tracker = tracker_of("0.000000000003")
    _, held = reserve(tracker, "0.000000000003")
    tracker.settle(held, Decimal("0.000000000003"))
    assert tracker.usage().usd == Decimal("0.000000000003")
    assert reserve(tracker, "0.0000000000001")[0] == "used-up"


def test_unknown_cost_stays_spent_and_unconfirmed():
    """A dropped connection may have been billed."""
    tracker = tracker_of("1")
    for actual in (None, Decimal("0.1")):
        _, held = reserve(tracker, "0.4")
        tracker.settle(held, actual)
    assert (tracker.usage().usd, tracker.usage().unconfirmed_usd) == (Decimal("0.5"), Decimal("0.4"))


def test_price_overrun_scales_reservations_in_flight():
    """One overrun scales everything of that model, and nothing of another."""
    tracker = tracker_of("10")
    _, first = reserve(tracker, "1")
    reserve(tracker, "2")
    reserve(tracker, "3", model="gpt-4.1")
    tracker.settle(first, Decimal("1.5"))
    assert tracker.usage().usd == Decimal("1.5") + Decimal(2) * Decimal("1.5") + 3
    assert reserve(tracker, "1.7")[0] == "wait"
    assert reserve(tracker, "1.7", model="gpt-4.1")[0] == "reserved"


def test_reservations_of_a_dead_owner_stay_spent():
    """Whether they were billed is unknown."""
    totals = Totals(reserved={"gw0": {MODEL: 5}, "gw1": {MODEL: 7}}, spent=1)
    release_dead_worker(totals, "gw0")
    release_dead_worker(totals, "gone")
    assert totals == Totals(reserved={"gw1": {MODEL: 7}}, spent=6, unconfirmed=5)


def test_refuse_ends_the_sending():
    """The amount that waited without success is reported as refused."""
    tracker = tracker_of("1")
    reserve(tracker, "0.8")
    tracker.refuse(tracker.reservation(MODEL, Decimal("0.3")))
    assert reserve(tracker, "0.1")[0] == "used-up"
    assert tracker.usage().refused_usd == Decimal("0.3")


@pytest.mark.parametrize(
    ("amount", "expected"), [("0.0000000000001", 1), ("1", 10**12), ("123456789.000000000001", 123456789000000000001)]
)
def test_amounts_are_rounded_up_to_whole_units(amount, expected):
    """In any decimal context that a test has set."""
    with localcontext(prec=3):
        assert units(Decimal(amount)) == expected
