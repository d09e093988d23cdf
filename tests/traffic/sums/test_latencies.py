"""Quantiles of latencies in bounded memory, compared with the exact ones."""

import random
import statistics

import pytest
from ddsketch import LogCollapsingLowestDenseDDSketch
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.traffic.sums.latencies import ACCURACY, MOST_BINS, Latencies


def filled(values):
    sketch = Latencies()
    for value in values:
        sketch.add(value)
    return sketch


def exact(values, q):
    return sorted(values)[round(q * (len(values) - 1))]


SHAPES = {
    "lognormal": lambda dice: dice.lognormvariate(0, 1),
    "two peaks": lambda dice: dice.gauss(0.2, 0.01) if dice.random() < 0.9 else dice.gauss(30, 1),
    "heavy tail": lambda dice: 0.01 * dice.paretovariate(1.1),
    "uniform": lambda dice: dice.uniform(0.001, 60),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("q", [0.5, 0.95, 0.99])
def test_latency_quantiles_are_within_a_per_cent(shape, q):
    """Also in a tail over five powers of ten."""
    dice = random.Random(3)
    values = [abs(SHAPES[shape](dice)) for _ in range(20_001)]
    assert filled(values).quantile_s(q) == pytest.approx(exact(values, q), rel=0.01)


@given(st.lists(st.floats(1e-3, 1e4), min_size=1, max_size=200), st.floats(0, 1))
def test_latency_quantile_is_near_an_observed_value(values, q):
    """From a millisecond to hours, it is within half a per cent of an observed value."""
    told = filled(values).quantile_s(q)
    assert any(told == pytest.approx(value, rel=0.0051) for value in values)


def test_latencies_merge():
    """Two merged sketches equal one sketch of all values."""
    dice = random.Random(5)
    first, second = ([dice.lognormvariate(0, 1) for _ in range(5000)] for _ in range(2))
    whole = filled(first)
    whole.absorb(filled(second))
    assert whole.n == 10_000
    assert whole.mean_s == pytest.approx(statistics.fmean(first + second))
    assert whole.quantile_s(0.95) == filled(first + second).quantile_s(0.95)


def test_fast_add_equals_the_librarys_add():
    """Every bin, sum and bound is the same, also for zero and values near it."""
    dice = random.Random(11)
    values = [0.0, 5e-324, 1e-9, 1.0, 1e9, *(dice.lognormvariate(0, 3) for _ in range(5000))]
    library = LogCollapsingLowestDenseDDSketch(ACCURACY, MOST_BINS)
    for value in values:
        library.add(value)
    ours = filled(values)
    assert (ours.n, ours.mean_s) == (library.count, library.sum / library.count)
    shares = [step / 1000 for step in range(1001)]
    assert [ours.quantile_s(q) for q in shares] == [library.get_quantile_value(q) for q in shares]


def test_latencies_without_data_have_no_quantile():
    """Without a latency the quantile is None."""
    empty = Latencies()
    empty.absorb(Latencies())
    assert (empty.n, empty.mean_s, empty.quantile_s(0.5)) == (0, None, None)


def test_latency_histogram_counts_every_value_once():
    """Each bar is right to half a per cent of all values, and values outside the edges are counted too."""
    dice = random.Random(7)
    values = [dice.lognormvariate(0, 0.5) for _ in range(10_000)]
    edges = [0.2 * 20 ** (bar / 12) for bar in range(13)]
    counts = filled(values).counts(edges)
    assert sum(counts) == 10_000
    for bar in range(1, 11):
        there = sum(edges[bar] <= value < edges[bar + 1] for value in values)
        assert counts[bar] == pytest.approx(there, abs=150)
    assert sum(filled([100.0, 0.0001]).counts(edges)) == 2
