"""The rank test of whether one figure rises with another, compared with scipy's rank correlation."""

import math

import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.stats import rises_p

values = st.lists(st.tuples(st.integers(1, 16), st.floats(0, 100, width=16)), min_size=2, max_size=60)


@given(values)
def test_rises_p_matches_spearmans_correlation(pairs):
    """Also with ties in either column; a constant column gives no evidence."""
    xs, ys = zip(*pairs, strict=True)
    if len(set(xs)) == 1 or len(set(ys)) == 1:
        assert rises_p(xs, ys) == 0.5
    else:
        rho = scipy.stats.spearmanr(xs, ys).statistic
        assert rises_p(xs, ys) == pytest.approx(scipy.stats.norm.sf(rho * math.sqrt(len(xs) - 1)), abs=1e-9)


def test_rises_p_without_values_and_of_unequal_lengths():
    """No values give one half, and columns of different lengths are refused."""
    assert rises_p([], []) == rises_p([1], [2]) == 0.5
    with pytest.raises(ValueError, match="2 values cannot be held against 1"):
        rises_p([1, 2], [1])
    with pytest.raises(ValueError, match="finite"):
        rises_p([1, 2], [1, math.nan])
