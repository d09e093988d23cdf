"""Packed vectors: the precision that packing loses, and the scores from them."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.evaluation.metrics.semantic import EmbeddingSimilarity
from pytest_graysplit.replies.relay.vectors import cosine, pack, unpack

VECTORS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30)
KNOWN = {"lamp": [3, 4], "shade": [4, 3], "far": [-3, -4], "none": [0, 0]}


def exact(one, other):
    norms = math.sqrt(sum(a * a for a in one) * sum(b * b for b in other))
    return sum(a * b for a, b in zip(one, other, strict=True)) / norms


@given(vector=VECTORS)
def test_packing_a_packed_vector_changes_nothing(vector):
    """A live run scores with exactly the numbers that a replay reads."""
    packed = unpack(pack(vector))
    assert list(unpack(pack(packed))) == list(packed)
    assert all(-127 <= number <= 127 for number in packed)


def test_packed_vectors_keep_the_cosine():
    """One byte per number: of 60 pairs of vectors as long as today's models return, no cosine moves by 0.002."""
    rng = Random(1)
    for dimensions in (384, 1536):
        for lean in (0.0, 0.5, 2.0):
            for _ in range(10):
                one = [rng.gauss(0, 1) for _ in range(dimensions)]
                other = [lean * number + rng.gauss(0, 1) for number in one]
                assert cosine(unpack(pack(one)), unpack(pack(other))) == pytest.approx(exact(one, other), abs=2e-3)


def test_cosine_of_zero_or_unequal_vectors_is_zero():
    """Vectors of two models cannot be compared, and a zero vector has no direction."""
    assert cosine([1, 2], [1, 2, 3]) == cosine([0, 0], [1, 2]) == cosine([], []) == 0.0


@pytest.mark.parametrize(
    ("control", "treatment", "expected"),
    [("lamp", "shade", 0.96), ("lamp", "far", 0.0), ("lamp", "none", 0.0), ("lamp", "lamp ", 1.0), ("lamp", " ", 0.0)],
)
def test_embedding_score_is_the_cosine_and_never_negative(control, treatment, expected):
    """Symmetric, from 0 to 1; equal and blank texts need no vector."""
    metric = EmbeddingSimilarity(KNOWN.__getitem__)
    assert metric.score(control, treatment) == metric.score(treatment, control) == pytest.approx(expected)


def test_embedding_score_of_equal_and_blank_texts_needs_no_vector():
    """So it costs nothing."""
    metric = EmbeddingSimilarity(KNOWN.__getitem__)
    assert metric.texts("lamp", "shade") == ("lamp", "shade")
    assert metric.texts("lamp", " lamp\n") == metric.texts("lamp", "") == ()
