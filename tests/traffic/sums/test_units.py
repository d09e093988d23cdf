"""Distinct units, counted in memory that does not grow."""

import hashlib
from collections import Counter
from random import Random

import pytest
from scipy.stats import chisquare, poisson

from pytest_graysplit import Split, TrafficSplitter
from pytest_graysplit.traffic.sums.units import PLACES, HeavyUnits, SeenUnits, place_of


def keys(count):
    return [hashlib.sha256(f"unit {number}".encode()).digest() for number in range(count)]


def test_a_unit_is_met_once():
    """The first request of a unit counts it, the others do not."""
    seen, some = SeenUnits(), keys(1000)
    assert sum(seen.meet(key) for key in some) == 1000
    assert sum(seen.meet(key) for key in some) == 0


def test_units_that_share_a_bit_are_few():
    """Of 20,000 units about 12 find their bit taken, as many as chance says: a Poisson number."""
    seen = SeenUnits()
    lost = 20_000 - sum(seen.meet(key) for key in keys(20_000))
    expected = 20_000 - (1 << 24) * (1 - (1 - 2**-24) ** 20_000)
    assert poisson(expected).ppf(0.001) <= lost <= poisson(expected).ppf(0.999)


def test_units_are_dealt_to_clusters_evenly():
    """Each of the 4,096 places gets its share of 20,480 units, five on the average."""
    counts = Counter(place_of(key) for key in keys(5 * PLACES))
    assert chisquare([counts[place] for place in range(PLACES)]).pvalue > 0.001


def test_the_place_says_nothing_of_the_arm():
    """Units of a treatment are spread over the places as those of the control are."""
    splitter = TrafficSplitter([Split("a", 0.5), Split("b", 0.5)], salt="s")
    table = Counter((splitter.assign(n).arm, place_of(splitter.key(n)) % 64) for n in range(20_000))
    assert chisquare(list(table.values())).pvalue > 0.001


def test_the_bit_of_a_unit_says_nothing_of_its_arm():
    """Units of both arms of a 90/10 split lose others evenly: their bits are spread over the whole memory alike."""
    splitter = TrafficSplitter([Split("a", 0.9), Split("b", 0.1)], salt="s")
    table = Counter((splitter.assigned(key).index, key[11] >> 3) for key in map(splitter.key, range(20_000)))
    totals = Counter(arm for arm, _ in table.elements())
    assert chisquare(list(table.values()), [totals[arm] / 32 for arm, _ in table]).pvalue > 0.001


def streams():
    """One unit with 6% of 20,000 requests: before all others, after them, among them, and among few that come back."""
    heavy, *others = keys(18_801)
    mixed, few = [heavy] * 1_200 + others, [heavy] * 1_200 + others[:300] * 60 + others[:800]
    for stream in (mixed, few):
        Random(7).shuffle(stream)
    return heavy, {"first": [heavy] * 1_200 + others, "last": others + [heavy] * 1_200, "mixed": mixed, "few": few}


@pytest.mark.parametrize("order", ["first", "last", "mixed", "few"])
def test_a_heavy_unit_is_found_in_whatever_order_it_comes(order):
    """Counts are never too large, too small by one request in 257 at most, and no other unit is found."""
    heavy, orders = streams()
    found = HeavyUnits()
    for key in orders[order]:
        found.add(key)
    [(key, count)] = found.above(0.05 * 20_000)
    assert key == heavy
    assert 1_200 - 20_000 / 257 <= count <= 1_200
    true = Counter(orders[order])
    assert all(at_least <= true[key] for key, at_least in found.above(0))
    assert len(found.above(0)) <= 256
