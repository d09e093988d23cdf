"""The scorer of a case with `json_fields`: real metrics and guards on its fields, and no score without a field."""

import pytest
from factories import a_case, a_reply

from pytest_graysplit.evaluation.comparison import PairScores, compare
from pytest_graysplit.evaluation.field_scores import FieldScorer, match_text
from pytest_graysplit.types import Expect, FieldDifference, JsonField

RULES = (JsonField("why", "lexical"), JsonField("note", "ignore"))


def compared(control, *treatments, rules=RULES, own=None, **fields):
    case = a_case(json_fields=rules, metric="json_fields", **fields)
    score = FieldScorer(case, own)
    controls, others = [a_reply(control)], [a_reply(text, "other") for text in treatments]
    return compare(
        case, controls, others, metric="json_fields", scores=PairScores.of(controls, others, score), score=score
    )


def test_pair_is_compared_by_field():
    """Ignored fields count for nothing, and texts are compared by their metric."""
    one = compared(
        '{"order": 1, "why": "You have thirty days to return it.", "note": "x"}',
        '```json\n{"order": 2, "why": "You have thirty days for a return.", "note": "y"}\n```',
    )
    assert (one.similarity, one.metric, one.flags) == (0.5, "json_fields", ())
    assert one.fields == (FieldDifference("order", "order", "1 became 2"),)


@pytest.mark.parametrize(
    ("control", "treatment"), [("Sure!", "Sure!"), ('{"a": 1}', "Sure!"), ("Sure!", '{"a": 1}'), ("{}", "[NaN]")]
)
def test_answers_that_are_not_json_are_not_alike(control, treatment):
    """Also if both are the same text."""
    one = compared(control, treatment)
    assert (one.similarity, one.fields, one.flags) == (0.0, (), ())


def test_no_field_gives_no_similarity():
    """If all fields are ignored, nothing was compared."""
    one = compared('{"note": 1}', '{"note": 2}', min_similarity=0.5)
    assert (one.similarity, one.pairs[0].similarity) == (None, None)


def test_guards_see_text_fields():
    """A changed number is flagged in a text, and not in an ignored or an exact field."""
    one = compared('{"why": "You have 30 days.", "note": "30 days"}', '{"why": "You have 14 days.", "note": "14 days"}')
    assert [(flag.name, flag.detail.partition(":")[0]) for flag in one.flags] == [("number-changed", "why")]
    assert compared('{"why": "a", "order": "30 days"}', '{"why": "a", "order": "14 days"}').flags == ()


def test_hook_of_the_user_comes_first():
    """It scores the pair, or leaves it to the fields."""
    assert compared('{"a": 1}', '{"a": 2}', own=lambda *_: 0.7).similarity == 0.7
    assert compared('{"a": 1}', '{"a": 2}', own=lambda *_: None).similarity == 0.0


def test_exact_text_holds_for_fields():
    """The two writings of an accent differ then."""
    pair = '{"city": "Zu\u0308rich"}', '{"city": "Zürich"}'
    assert compared(*pair).similarity == 1
    assert compared(*pair, expect=Expect(exact_text=True)).similarity == 0


def test_texts_are_matched_by_real_metrics():
    """Lexical here; the semantic metric has its own tests."""
    score, flags = match_text("lexical", "You have 30 days.", "You have 14 days.")
    assert 0.5 < score < 1
    assert [flag.name for flag in flags] == ["number-changed"]
