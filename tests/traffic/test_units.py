"""Distinct units, counted in memory that does not grow."""

import hashlib
from collections import Counter
from random import Random

import pytest
from scipy.stats import chisquare

from pytest_graysplit import Split, TrafficSplitter
from pytest_graysplit.stats import sample_ratio_p
from pytest_graysplit.traffic.units import PLACES, HeavyUnits, SeenUnits, place_of


def keys(count):
    return [hashlib.sha256(f"unit {number}".encode()).digest() for number in range(count)]


def test_a_unit_is_met_once():
    """The first request of a unit counts it, the others do not."""
    seen, some = SeenUnits(), keys(1000)
    assert sum(seen.meet(key) for key in some) == 1000
    assert sum(seen.meet(key) for key in some) == 0


def test_units_that_share_a_bit_are_few():
    """Of 200,000 units about 1,200 find their bit taken, as many as chance says."""
    seen = SeenUnits()
    met = sum(seen.meet(key) for key in keys(200_000))
    assert met == pytest.approx((1 << 24) * (1 - (1 - 2**-24) ** 200_000), abs=250)


def test_units_are_dealt_to_clusters_evenly():
    """Each of the 4,096 places gets its share."""
    counts = Counter(place_of(key) for key in keys(100_000))
    assert chisquare([counts[place] for place in range(PLACES)]).pvalue > 0.001


def test_the_place_says_nothing_of_the_arm():
    """Units of a treatment are spread over the places as those of the control are."""
    splitter = TrafficSplitter([Split("a", 0.5), Split("b", 0.5)], salt="s")
    table = Counter((splitter.assign(n).arm, place_of(splitter.key(n)) % 64) for n in range(100_000))
    assert chisquare(list(table.values())).pvalue > 0.001


def test_what_two_megabytes_forget_they_forget_of_every_arm_alike():
    """A true 90/10 split of 300,000 units stays one after the units that share a bit are lost."""
    splitter, seen, counts = TrafficSplitter([Split("a", 0.9), Split("b", 0.1)], salt="s"), SeenUnits(), Counter()
    for number in range(300_000):
        key = splitter.key(number)
        counts[splitter.assigned(key).index] += seen.meet(key)
    assert sum(counts.values()) < 300_000
    assert sample_ratio_p([counts[0], counts[1]], [0.9, 0.1]) > 0.01


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
