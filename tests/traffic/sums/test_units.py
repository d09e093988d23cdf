"""Distinct and heavy units, counted in bounded memory."""

import hashlib
from collections import Counter
from random import Random

import pytest
from scipy.stats import chisquare, poisson

from pytest_graysplit import Split, TrafficSplitter
from pytest_graysplit.traffic.sums.units import BUCKETS, HeavyUnits, SeenUnits, bucket_of


def keys(count):
    return [hashlib.sha256(f"unit {number}".encode()).digest() for number in range(count)]


def test_seen_units_counts_a_unit_once():
    """Only the first request of a unit counts it."""
    seen, some = SeenUnits(), keys(1000)
    assert sum(seen.add(key) for key in some) == 1000
    assert sum(seen.add(key) for key in some) == 0


def test_seen_units_lose_few_units():
    """About 12 of 20,000 units share a bit, as expected by chance (Poisson)."""
    seen = SeenUnits()
    lost = 20_000 - sum(seen.add(key) for key in keys(20_000))
    expected = 20_000 - (1 << 24) * (1 - (1 - 2**-24) ** 20_000)
    assert poisson(expected).ppf(0.001) <= lost <= poisson(expected).ppf(0.999)


def test_buckets_are_uniform():
    """Each of the 4,096 buckets gets its share of 20,480 units, five on average."""
    counts = Counter(bucket_of(key) for key in keys(5 * BUCKETS))
    assert chisquare([counts[place] for place in range(BUCKETS)]).pvalue > 0.001


def test_bucket_is_independent_of_the_arm():
    """Units of the treatment and of the control spread over the buckets alike."""
    splitter = TrafficSplitter([Split("a", 0.5), Split("b", 0.5)], salt="s")
    table = Counter((splitter.assign(n).arm, bucket_of(splitter.key(n)) % 64) for n in range(20_000))
    assert chisquare(list(table.values())).pvalue > 0.001


def test_bit_is_independent_of_the_arm():
    """Both arms of a 90/10 split lose units evenly, because their bits spread over the whole memory."""
    splitter = TrafficSplitter([Split("a", 0.9), Split("b", 0.1)], salt="s")
    table = Counter((splitter.assigned(key).index, key[11] >> 3) for key in map(splitter.key, range(20_000)))
    totals = Counter(arm for arm, _ in table.elements())
    assert chisquare(list(table.values()), [totals[arm] / 32 for arm, _ in table]).pvalue > 0.001


def streams():
    """Yield orders of 20,000 requests of which one unit sends 6%: first, last, mixed, and among few returning units."""
    heavy, *others = keys(18_801)
    mixed, few = [heavy] * 1_200 + others, [heavy] * 1_200 + others[:300] * 60 + others[:800]
    for stream in (mixed, few):
        Random(7).shuffle(stream)
    return heavy, {"first": [heavy] * 1_200 + others, "last": others + [heavy] * 1_200, "mixed": mixed, "few": few}


@pytest.mark.parametrize("order", ["first", "last", "mixed", "few"])
def test_heavy_unit_is_found_in_any_order(order):
    """Counts are never too large, at most 1 in 257 too small, and no other unit is found."""
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
