"""The json metric compares two answers value by value."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.evaluation.metrics.structural import Structural

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner))


@pytest.mark.parametrize(
    ("control", "treatment", "score"),
    [
        ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}', 1.0),
        ('{"a": 1}', '```json\n{"a": 1.0}\n```', 1.0),
        ('{"a": "open"}', '{"a": " open "}', 1.0),
        ('{"a": 1}', '{"a": "1"}', 0.0),
        ('{"a": true}', '{"a": 1}', 0.0),
        ('{"a": 1, "b": 2}', '{"a": 1}', 0.5),
        ('{"a": 1, "b": 2}', '{"a": 1, "c": 2}', 1 / 3),
        ("[1, 2, 3]", "[1, 3, 2]", 1 / 3),
        ('{"a": []}', '{"a": {}}', 0.0),
        ("[]", "[]", 1.0),
        ("42", "42.0", 1.0),
        ('{"a": 1}', '{"a": 1', 0.0),
        ("not JSON", "not JSON", 0.0),
        ("[" * 100_000, "[" * 100_000, 0.0),
    ],
)
def test_structural_compares_values_by_place(control, treatment, score):
    """Numbers are compared as numbers, keys in any order, lists in order; an answer that is not JSON scores 0."""
    assert Structural().score(control, treatment) == pytest.approx(score)


@given(JSON)
def test_structural_scores_1_for_equal_answers(answer):
    """Any JSON answer, even with NaN, equals itself in every layout."""
    assert Structural().score(json.dumps(answer), json.dumps(answer, indent=2)) == 1.0
