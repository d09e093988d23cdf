"""The metrics of two texts by themselves: exact, lexical with its documented scores, and json."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.evaluation.metrics.text import Exact, JsonSimilarity, Lexical

PROBES = [
    ("approved", "not approved", 0.71),
    ("It costs 42 euros.", "It costs 24 euros.", 0.75),
    ("Alice sued Bob.", "Bob sued Alice.", 0.78),
    ("Alice sued Bob", "Alice was sued by Bob", 0.87),
    ("Turn the lamp on.", "Turn the lamp off.", 0.81),
    ("Paris is the capital of France.", "The capital city of France is Paris.", 0.77),
    ("I'm sorry, but I can't assist with that.", "Unfortunately I am unable to help with this request.", 0.21),
    ("Yes", "Yes. You can return it within 30 days of delivery, unused, in the original packaging.", 0.14),
    ("Order 48213", "Order 48219", 0.64),
    ("**Refund**", "refund", 1.0),
    ("退款需要五天", "退款需要七天", 0.86),
    ("👍", "👎", 0.0),
    ("👍", "fine", 0.0),
    ("to be", "it was", 0.06),
]
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner))


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


@pytest.mark.parametrize(("control", "treatment", "score"), PROBES)
def test_lexical_scores_probes_as_documented(control, treatment, score):
    """The probes of docs/metrics.md have the scores of the page, so a change of the scorer is noticed."""
    assert Lexical().score(control, treatment) == pytest.approx(score, abs=0.006)


def test_lexical_ignores_the_composition_of_accents():
    """The same letters in composed and decomposed form are the same words."""
    assert Lexical().score("re\u0301ponse", "r\u00e9ponse") == 1.0


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
        ("[NaN]", "[NaN]", 0.0),
        ("[" * 100_000, "[" * 100_000, 0.0),
    ],
)
def test_json_compares_values_by_place(control, treatment, score):
    """Numbers are compared as numbers, keys in any order, lists in order; an answer that is not JSON scores 0."""
    assert JsonSimilarity().score(control, treatment) == pytest.approx(score)


@given(JSON)
def test_json_scores_1_for_equal_answers(answer):
    """Any JSON answer equals itself in every layout."""
    assert JsonSimilarity().score(json.dumps(answer), json.dumps(answer, indent=2)) == 1.0
