"""The exact metric."""

import pytest

from pytest_graysplit.evaluation.metrics.exact import Exact


@pytest.mark.parametrize(
    ("control", "treatment", "score"),
    [
        ("refund", " refund\n", 1.0),
        ("re\u0301sume\u0301", "r\u00e9sum\u00e9", 1.0),
        ("refund", "Refund", 0.0),
        ("a b", "a  b", 0.0),
        ("refund", "refund.", 0.0),
    ],
)
def test_exact_ignores_outer_space_and_composition(control, treatment, score):
    """Case, inner space and punctuation count; outer space and the composition of letters do not."""
    assert Exact().score(control, treatment) == score
