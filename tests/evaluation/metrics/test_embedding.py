"""Packed vectors: what is lost on the way into a recording, and the scores that come out."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.evaluation.metrics.embedding import Embedded
from pytest_graysplit.replies.relay.vectors import cosine, pack, unpack

VECTORS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30)
KNOWN = {"lamp": [3, 4], "shade": [4, 3], "far": [-3, -4], "none": [0, 0]}


def exact(one, other):
    norms = math.sqrt(sum(a * a for a in one) * sum(b * b for b in other))
    return sum(a * b for a, b in zip(one, other, strict=True)) / norms


@given(vector=VECTORS)
def test_packing_a_packed_vector_changes_nothing(vector):
    """A live run scores the very numbers that a replay reads."""
    packed = unpack(pack(vector))
    assert list(unpack(pack(packed))) == list(packed)
    assert all(-127 <= number <= 127 for number in packed)


def test_a_byte_a_number_is_enough_for_an_angle():
    """Of 60 pairs in as many directions as the models of today use, no cosine moves by 0.002."""
    dice = Random(1)
    for dimensions in (384, 1536):
        for lean in (0.0, 0.5, 2.0):
            for _ in range(10):
                one = [dice.gauss(0, 1) for _ in range(dimensions)]
                other = [lean * number + dice.gauss(0, 1) for number in one]
                assert cosine(unpack(pack(one)), unpack(pack(other))) == pytest.approx(exact(one, other), abs=2e-3)


def test_vectors_of_nothing_or_of_unlike_length_have_no_angle():
    """Two models' vectors, or a text that points nowhere, have nothing in common."""
    assert cosine([1, 2], [1, 2, 3]) == cosine([0, 0], [1, 2]) == cosine([], []) == 0.0


@pytest.mark.parametrize(
    ("control", "treatment", "expected"),
    [("lamp", "shade", 0.96), ("lamp", "far", 0.0), ("lamp", "none", 0.0), ("lamp", "lamp ", 1.0), ("lamp", " ", 0.0)],
)
def test_the_score_is_the_cosine_clipped_at_nothing(control, treatment, expected):
    """Symmetric, from 0 to 1; the same text and a blank one need no vector."""
    metric = Embedded(KNOWN.__getitem__)
    assert metric.score(control, treatment) == metric.score(treatment, control) == pytest.approx(expected)


def test_no_vector_is_asked_for_where_the_score_is_known():
    """An equal or a blank text costs nothing."""
    metric = Embedded(KNOWN.__getitem__)
    assert metric.texts("lamp", "shade") == ("lamp", "shade")
    assert metric.texts("lamp", " lamp\n") == metric.texts("lamp", "") == ()
