"""Early stopping: in the seeded order with any order of arrival, for harm and for promise."""

from dataclasses import replace

import pytest
from factories import DEEPSEEK, FLASH, a_case, a_miss, a_pair, a_reply, one_arm
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_graysplit.verdict import EarlyStop, StopReason


def pair(name, *, lost, model=DEEPSEEK):
    return a_pair(a_case(name), a_reply(), a_reply("30 days", model), misses=[a_miss(model)] if lost else [])


def followed(losses, order=None, **fields):
    """An early stop after these lost or even cases, reported in that order."""
    names = [f"case-{place:03}" for place in range(len(losses))]
    stop = EarlyStop(margin=0.05, promote=fields.get("promote", False), order=names)
    for place in order or range(len(losses)):
        stop.report(names[place], (pair(names[place], lost=losses[place]),))
    return stop, names


def test_harm_is_shown_by_nine_lost_cases_in_a_row():
    """The stop names the side, and after how many cases it came."""
    stop, names = followed([True] * 12)
    assert stop.stops == {DEEPSEEK: StopReason(side="harm", after=9)}
    assert [stop.counts(name, [DEEPSEEK]) for name in names] == [True] * 9 + [False] * 3


@settings(max_examples=30)
@given(st.permutations(range(14)))
def test_stop_does_not_depend_on_the_order_of_arrival(order):
    """An early report waits for its turn, and a case after the stop does not count."""
    stop, names = followed([True] * 14, order)
    assert stop.stops == {DEEPSEEK: StopReason(side="harm", after=9)}
    assert sum(stop.counts(name, [DEEPSEEK]) for name in names) == 9


def test_stop_waits_for_a_case_that_has_not_reported():
    """The first case is missing: twelve lost ones after it decide nothing yet."""
    stop, names = followed([True] * 12, range(1, 12))
    assert stop.stops == {}
    stop.report(names[0], (pair(names[0], lost=True),))
    assert stop.stops == {DEEPSEEK: StopReason(side="harm", after=9)}


def test_stop_for_promise_is_opt_in():
    """Some 130 even cases promote, if that was requested."""
    assert followed([False] * 140)[0].stops == {}
    assert followed([False] * 140, promote=True)[0].stops == {DEEPSEEK: StopReason(side="promote", after=135)}


def test_skipped_item_is_passed_over():
    """It has no result, and no later item waits for it."""
    names = [f"case-{place:03}" for place in range(12)]
    stop = EarlyStop(margin=0.05, promote=False, order=names)
    for place, name in enumerate(names):
        stop.report(name, () if place == 3 else (pair(name, lost=True),))
    assert stop.stops == {DEEPSEEK: StopReason(side="harm", after=9)}
    assert stop.counts(names[9], [DEEPSEEK])
    assert not stop.counts(names[10], [DEEPSEEK])


def test_items_of_one_arm_are_one_case():
    """A case of a graysplit_reply test counts when both of its items have reported."""
    names = [f"case-{place:03}[{arm}]" for place in range(10) for arm in ("control", DEEPSEEK)]
    stop = EarlyStop(margin=0.05, promote=False, order=names)
    for place in range(10):
        case = a_case(f"case-{place}")
        stop.report(names[2 * place], (one_arm(case, "control", a_reply()),))
        lost = one_arm(case, DEEPSEEK, a_reply("x", DEEPSEEK), misses=[a_miss()])
        stop.report(names[2 * place + 1], (lost,))
    assert stop.stops == {DEEPSEEK: StopReason(side="harm", after=9)}
    assert stop.counts(names[17], [DEEPSEEK])
    assert not stop.counts(names[18], [DEEPSEEK])


def test_each_treatment_stops_by_itself():
    """One does harm, the other does not."""
    names = [f"case-{place:03}[{model}]" for place in range(12) for model in (DEEPSEEK, FLASH)]
    stop = EarlyStop(margin=0.05, promote=False, order=names)
    for place in range(12):
        for offset, model in enumerate((DEEPSEEK, FLASH)):
            seen = pair(f"case-{place}", lost=model == FLASH, model=model)
            name = names[2 * place + offset]
            stop.report(name, (replace(seen, nodeid=name),))
    assert stop.stops == {FLASH: StopReason(side="harm", after=9)}
    assert stop.counts(names[-2], [DEEPSEEK])


def clustered(losses, size, *, largest=None, order=None, promote=False):
    """An early stop after clusters of that size, whose cases are all lost or all even."""
    names = [f"case-{place:03}" for place in range(len(losses) * size)]
    stop = EarlyStop(margin=0.05, promote=promote, order=names, largest=size if largest is None else largest)
    for place in order or range(len(names)):
        one = pair(names[place], lost=losses[place // size])
        stop.report(names[place], (replace(one, case=replace(one.case, cluster=f"template {place // size}")),))
    return stop, names


def test_cluster_is_one_bet():
    """Nine clusters lost in a row count like nine cases; the stop counts cases, and comes with the last of them."""
    stop, names = clustered([True] * 12, 5)
    assert stop.stops == {DEEPSEEK: StopReason(side="harm", after=45)}
    assert [stop.counts(name, [DEEPSEEK]) for name in names] == [True] * 45 + [False] * 15


def test_one_lost_cluster_is_not_harm():
    """Forty lost cases of one template are one piece of evidence."""
    assert clustered([True, *[False] * 10], 40)[0].stops == {}


def test_promise_bets_on_clusters():
    """134 even clusters of any size are not enough; the 135th decides."""
    assert clustered([False] * 134, 2, promote=True)[0].stops == {}
    assert clustered([False] * 136, 2, promote=True)[0].stops == {DEEPSEEK: StopReason(side="promote", after=270)}


def test_cluster_of_unexpected_size_is_not_a_bet():
    """If the size of the largest cluster is unknown, only cases without a cluster count."""
    assert clustered([True] * 20, 5, largest=1)[0].stops == {}
    assert clustered([True] * 20, 5, largest=4)[0].stops == {}


def test_clustered_cases_stop_at_the_same_case_in_any_order():
    """The last case of a cluster may be the first to arrive."""
    stop, _ = clustered([True] * 12, 5, order=[*range(59, -1, -1)])
    assert stop.stops == {DEEPSEEK: StopReason(side="harm", after=45)}


def test_cluster_in_two_parts_is_one_bet():
    """Another plugin has reordered the items: the second part of a cluster depends on the first."""
    names = [f"case-{place:03}" for place in range(40)]
    stop = EarlyStop(margin=0.05, promote=False, order=names, largest=20)
    for place, name in enumerate(names):
        one = pair(name, lost=True)
        stop.report(name, (replace(one, case=replace(one.case, cluster=f"template {place % 2}")),))
    assert stop.stops == {}


@pytest.mark.parametrize("drop", [0.4])
def test_drop_of_forty_points_stops_within_forty_of_a_hundred_cases(drop):
    """Spread evenly, as two of five."""
    losses = [place % 5 < 5 * drop for place in range(100)]
    assert followed(losses)[0].stops[DEEPSEEK].after <= 40
