"""The account of a capped run: whatever order reservations and settlements come in, the cap holds."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.replies.budget import MemoryLedger, Spending, Totals, bury
from pytest_graysplit.replies.budget.tracker import units

MODEL = "deepseek-v3.2"
amounts = st.decimals(min_value=0, max_value=3, places=4)


def spending(cap="1", ledger=None, owner=""):
    return Spending(Decimal(cap), ledger or MemoryLedger(), owner=owner)


def reserve(account, amount, model=MODEL):
    held = account.reservation(model, Decimal(amount))
    return account.reserve(held), held


@given(st.lists(st.tuples(amounts, st.one_of(st.none(), st.integers(0, 100)), st.integers(0, 9)), max_size=60))
def test_no_interleaving_goes_over_the_cap(steps):
    """Owners reserve, settle at what it cost or at nobody knows, in any order: spent and set aside stay within."""
    ledger = MemoryLedger()
    owners = [spending("5", ledger, owner) for owner in "abc"]
    in_flight = []
    truly_spent = Decimal(0)
    for amount, percent, choice in steps:
        account = owners[choice % 3]
        grant, held = reserve(account, amount, model=f"model-{choice % 2}")
        if grant == "granted":
            in_flight.append((account, held, amount, percent))
        if in_flight and choice > 3:
            account, held, reserved, billed = in_flight.pop(choice % len(in_flight))
            actual = None if billed is None else reserved * billed / 100
            truly_spent += reserved if actual is None else actual
            account.settle(held, actual)
        most = truly_spent + sum(reserved for _, _, reserved, _ in in_flight)
        assert owners[0].standing().usd == most <= 5


@given(st.lists(st.tuples(amounts, st.decimals(min_value=1, max_value=4, places=3)), max_size=30))
def test_a_relay_that_bills_more_is_believed_from_then_on(steps):
    """One at a time, the cap is passed by no more than what a reply cost above all that was known before it."""
    account, known = spending("5"), Decimal(1)
    for amount, factor in steps:
        grant, held = reserve(account, amount)
        if grant == "granted":
            account.settle(held, amount * factor)
            assert account.standing().usd <= 5 + amount * max(0, factor - known)
            known = max(known, factor if amount else known)
            assert account.standing().dearer.get(MODEL, 1) == known


def test_what_would_fit_alone_waits_for_what_is_in_flight():
    """It is granted as soon as enough has come back."""
    account = spending("1")
    _, first = reserve(account, "0.8")
    assert reserve(account, "0.3")[0] == "wait"
    account.settle(first, Decimal("0.1"))
    assert reserve(account, "0.9")[0] == "granted"


def test_the_first_that_does_not_fit_ends_the_sending_for_all():
    """Also for cheaper ones and other owners: the rest would be no random part of the suite."""
    ledger = MemoryLedger()
    one, two = spending("1", ledger, "a"), spending("1", ledger, "b")
    _, held = reserve(one, "0.7")
    one.settle(held, Decimal("0.7"))
    assert reserve(one, "0.4")[0] == "used-up"
    assert reserve(one, "0.1")[0] == reserve(two, "0.1")[0] == "used-up"
    assert two.standing().refused_usd == Decimal("0.4")


def test_the_cap_itself_may_be_spent():
    """To the last picodollar, and not one more."""
    account = spending("0.000000000003")
    _, held = reserve(account, "0.000000000003")
    account.settle(held, Decimal("0.000000000003"))
    assert account.standing().usd == Decimal("0.000000000003")
    assert reserve(account, "0.0000000000001")[0] == "used-up"


def test_what_nobody_knows_stays_spent_and_is_told_apart():
    """A dropped connection may have been billed."""
    account = spending("1")
    for actual in (None, Decimal("0.1")):
        _, held = reserve(account, "0.4")
        account.settle(held, actual)
    assert (account.standing().usd, account.standing().unsure_usd) == (Decimal("0.5"), Decimal("0.4"))


def test_what_is_in_flight_is_reserved_anew_when_its_model_turns_out_dearer():
    """One overrun scales everything of that model, and nothing of another."""
    account = spending("10")
    _, first = reserve(account, "1")
    reserve(account, "2")
    reserve(account, "3", model="gpt-4.1")
    account.settle(first, Decimal("1.5"))
    assert account.standing().usd == Decimal("1.5") + Decimal(2) * Decimal("1.5") + 3
    assert reserve(account, "1.7")[0] == "wait"
    assert reserve(account, "1.7", model="gpt-4.1")[0] == "granted"


def test_a_dead_owners_reservations_stay_spent():
    """Nobody will tell whether they were billed."""
    totals = Totals(reserved={"gw0": {MODEL: 5}, "gw1": {MODEL: 7}}, spent=1)
    bury(totals, "gw0")
    bury(totals, "gone")
    assert totals == Totals(reserved={"gw1": {MODEL: 7}}, spent=6, unsure=5)


def test_giving_up_a_wait_ends_the_sending():
    """What waited in vain is told as what did not fit."""
    account = spending("1")
    reserve(account, "0.8")
    account.give_up(account.reservation(MODEL, Decimal("0.3")))
    assert reserve(account, "0.1")[0] == "used-up"
    assert account.standing().refused_usd == Decimal("0.3")


@pytest.mark.parametrize(
    ("amount", "expected"), [("0.0000000000001", 1), ("1", 10**12), ("123456789.000000000001", 123456789000000000001)]
)
def test_amounts_are_rounded_up_to_whole_units(amount, expected):
    """Whatever decimal context a test has set."""
    with localcontext(prec=3):
        assert units(Decimal(amount)) == expected
