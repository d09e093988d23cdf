"""Holm's procedure, compared with statsmodels and with calculations by hand."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from pytest_graysplit.stats import holm


def test_holm_matches_statsmodels():
    """Over random sets of p-values, some of them equal."""
    rng = random.Random(34)
    for _ in range(12):
        p_values = [rng.choice([rng.random() ** 4, 0.01, 0.0]) for _ in range(rng.randint(2, 9))]
        assert holm(p_values, 0.05) == multipletests(p_values, 0.05, method="holm")[0].tolist()


@pytest.mark.parametrize(
    ("p_values", "rejected"),
    [
        ([], []),
        ([0.025], [True]),
        ([0.0251], [False]),
        ([0.0125, 0.0126], [True, True]),
        ([0.04, 0.012], [False, True]),
        ([0.013, 0.013], [False, False]),
        ([0.0, 1.0, 0.0], [True, False, True]),
    ],
)
def test_holm_by_hand(p_values, rejected):
    """The smallest has to be below alpha / m, the next below alpha / (m - 1); the first failure ends it."""
    assert holm(p_values, 0.025) == rejected


@given(st.lists(st.floats(0, 1), max_size=8), st.floats(0.001, 0.5))
def test_holm_rejects_at_least_what_bonferroni_does(p_values, alpha):
    """And it never rejects a hypothesis with a p above alpha."""
    for p, rejected in zip(p_values, holm(p_values, alpha), strict=True):
        assert rejected or p > alpha / len(p_values)
        assert not rejected or p <= alpha


@pytest.mark.parametrize("wrong", [math.nan, -0.1, 1.1])
def test_holm_refuses_values_that_are_not_probabilities(wrong):
    """For example NaN, which cannot be ordered."""
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.01, wrong], 0.05)


def test_holm_refuses_an_alpha_of_zero():
    """An error rate of 0 would never reject anything."""
    with pytest.raises(ValueError, match="alpha lies between"):
        holm([0.01], 0)
