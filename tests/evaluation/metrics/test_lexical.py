"""The lexical metric and its documented scores."""

import pytest

from pytest_graysplit.evaluation.metrics.lexical import Lexical

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


@pytest.mark.parametrize(("control", "treatment", "score"), PROBES)
def test_lexical_scores_probes_as_documented(control, treatment, score):
    """The probes of docs/metrics.md have the scores of the page, so a change of the scorer is noticed."""
    assert Lexical().score(control, treatment) == pytest.approx(score, abs=0.006)


def test_lexical_ignores_the_composition_of_accents():
    """The same letters in composed and decomposed form are the same words."""
    assert Lexical().score("re\u0301ponse", "r\u00e9ponse") == 1.0
