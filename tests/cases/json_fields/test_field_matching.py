"""JSON answers are compared field by field; a field is equal only by evidence of both sides."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.cases.checks.assertions import check_comparison, check_reply
from pytest_graysplit.cases.field_types import FieldLocation
from pytest_graysplit.cases.fields import build_case
from pytest_graysplit.cases.json_field_rules import json_fields_json, read_json_fields
from pytest_graysplit.cases.json_fields import rules
from pytest_graysplit.cases.json_fields.matching import match_expected, match_fields, paths_of
from pytest_graysplit.cases.json_fields.rules import format_path, rule_of, steps_of
from pytest_graysplit.errors import UsageError
from pytest_graysplit.types import Comparison, FieldDifference, Flag, PairScore, Reply

WHERE = FieldLocation("a.jsonl:1", "json_fields")
CHANGED = Flag(name="number-changed", detail="30 -> 14")


def similar(_mode, ours, theirs):
    """Return 0.9 for texts with the same first word, with a flag where a number changes."""
    flags = (CHANGED,) if "30" in ours and "14" in theirs else ()
    return (0.9 if ours.split()[0] == theirs.split()[0] else 0.1), flags


def matched(control, treatment, fields, **options):
    return match_fields(control, treatment, read_json_fields(WHERE, fields), similar, **options)


@pytest.mark.parametrize(
    ("control", "treatment", "fields", "equal", "compared"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": "exact"}, 2, 2),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, {"a": "exact"}, 1, 2),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, {"b": "ignore"}, 1, 1),
        ({"a": 1}, {}, {"a": "exact"}, 0, 1),
        ({}, {"a": 1}, {"a": "exact"}, 0, 1),
        ({"a": {"b": 1}}, {"a": 1}, {"a": "exact"}, 0, 1),
        ({"a": 1}, {"a": True}, {"a": "exact"}, 0, 1),
        ({"a": 1}, {"a": 2}, {"a": "ignore"}, 0, 0),
        ({"n": 1.0}, {"n": 1}, {"n": "exact"}, 1, 1),
        ({"n": 10}, {"n": 10.5}, {"n": {"mode": "number", "tolerance": 0.5}}, 1, 1),
        ({"n": 10}, {"n": 10.6}, {"n": {"tolerance": 0.5}}, 0, 1),
        ({"n": 1250.5}, {"n": "1.250,50 EUR"}, {"n": "number"}, 1, 1),
        ({"n": 5}, {"n": "5 or 6"}, {"n": "number"}, 0, 1),
        ({"n": 1}, {"n": True}, {"n": "number"}, 0, 1),
        ({"n": "none"}, {"n": "all"}, {"n": "number"}, 0, 1),
        ({"n": "none"}, {"n": "none"}, {"n": "number"}, 1, 1),
        ({"t": "Yes sir"}, {"t": "Yes madam"}, {"t": "lexical"}, 1, 1),
        ({"t": "Yes sir"}, {"t": "No madam"}, {"t": "semantic"}, 0, 1),
        ({"t": "Yes"}, {"t": ""}, {"t": "semantic"}, 0, 1),
        ({"t": 1}, {"t": 2}, {"t": "semantic"}, 0, 1),
        ({"items": [{"sku": 1, "at": 1}]}, {"items": [{"sku": 1, "at": 2}]}, {"items[].at": "ignore"}, 1, 1),
        ({"items": [1, 2]}, {"items": [1]}, {"items": "exact"}, 1, 2),
        ({"items": [1, 2]}, {"items": [2, 1]}, {"items": "exact"}, 0, 2),
        ({"items": [{"a": 1}]}, {"items": []}, {"items[].a": "ignore"}, 0, 0),
        ({"items": []}, {"items": []}, {"items": "exact"}, 1, 1),
        ({"items": []}, {"items": [[]]}, {"items": "exact"}, 0, 1),
        ({"items": []}, {}, {"items": "exact"}, 0, 1),
        ({"items": []}, {"items": {}}, {"items": "exact"}, 0, 1),
        ({"c": {"id": 1, "x": 1}}, {"c": {"id": 1, "x": 2}}, {"c": "ignore", "c.id": "exact"}, 1, 1),
        ({"l": [1, 2]}, {"l": [3, 2]}, {"l[]": "exact", "l[0]": "ignore"}, 1, 1),
        ({"a.b": 1}, {"a.b": 2}, {r"a\.b": "ignore", "a.b": "exact"}, 0, 0),
        ({"0": 1}, {"0": 2}, {"[0]": "ignore"}, 0, 1),
        ([{"a": 1}], [{"a": 2}], {"[].a": "ignore"}, 0, 0),
        ({"city": "Zu\u0308rich"}, {"city": "Zürich"}, {"city": "exact"}, 1, 1),
        (1, 1, {"a": "exact"}, 1, 1),
        ({}, {}, {"a": "exact"}, 1, 1),
        ({}, [], {"a": "exact"}, 0, 1),
        ({"a": None}, {}, {"a": "exact"}, 0, 1),
    ],
)
def test_fields_are_counted(control, treatment, fields, equal, compared):
    """Fields without a rule are exact, a missing field differs, and an ignored one is not counted."""
    found = matched(control, treatment, fields)
    assert (found.equal, found.compared, len(found.differences)) == (equal, compared, compared - equal)
    assert found.similarity == (equal / compared if compared else None)
    turned = matched(treatment, control, fields)
    assert (turned.equal, turned.compared) == (equal, compared)


def test_exact_text_compares_characters():
    """The opt-out of `expect` holds for fields too."""
    assert matched({"city": "Zu\u0308rich"}, {"city": "Zürich"}, {"city": "exact"}, exact=True).equal == 0


def test_difference_shows_both_values():
    """With the place in a list, the field without it, and a similarity or the characters where they say more."""
    found = matched(
        {"items": [{"sku": "A"}], "why": "Yes", "to": "P\u0430ris", "new": 1},
        {"items": [{"sku": "B"}], "why": "No", "to": "Paris"},
        {"why": "semantic"},
    )
    assert found.differences == (
        FieldDifference("items[0].sku", "items[].sku", '"A" became "B"'),
        FieldDifference("why", "why", '"Yes" became "No" (semantic similarity 0.10)'),
        FieldDifference("to", "to", '"P\u0430ris" became "Paris" (found U+0061 LATIN SMALL LETTER A instead of U+0430 CYRILLIC '
                        "SMALL LETTER A)"),
        FieldDifference("new", "new", "1 became no such field"),
    )  # fmt: skip


def test_guards_see_fields_of_texts_only():
    """A flag names the field; exact fields and ignored ones have no flag."""
    fields = {"why": "semantic", "note": "ignore"}
    found = matched({"why": "You have 30", "note": "30"}, {"why": "You have 14", "note": "14"}, fields)
    assert (found.similarity, found.flags) == (1.0, (Flag(name="number-changed", detail="why: 30 -> 14"),))


def test_expected_values_allow_more_names():
    """An object of the answer may have more names; a list may not have more values."""
    fields = read_json_fields(WHERE, {"why": "semantic"})
    expected = {"order": 7, "tags": ["a"], "empty": {}, "why": "Yes sir"}
    right = {"order": 7, "tags": ["a"], "empty": {"x": 1}, "why": "Yes madam", "more": 1}
    assert match_expected(expected, right, fields, similar).differences == ()
    wrong = {"order": 8, "tags": ["a", "b"], "empty": 1}
    assert [(one.path, one.problem) for one in match_expected(expected, wrong, fields, similar).differences] == [
        ("order", "expected 7, found 8"),
        ("tags[1]", 'expected no such field, found "b"'),
        ("empty", "expected {}, found 1"),
        ("why", 'expected "Yes sir", found no such field'),
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab.[$", min_size=1, max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(control=JSON, treatment=JSON)
def test_every_pair_has_a_similarity(control, treatment):
    """An answer equals itself, the share is symmetric, and no answer is equal to another one."""
    one, other = matched(control, treatment, {"a": "exact"}), matched(treatment, control, {"a": "exact"})
    assert one.compared == other.compared >= 1
    assert one.equal == other.equal
    assert matched(control, control, {"a": "exact"}).similarity == 1
    for path in paths_of(control):
        assert steps_of(format_path(path)) == path


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({}, "expected an object of fields, got {}"),
        ("order", "expected an object of fields, got 'order'"),
        ({"a": "xyz"}, "expected one of exact, number, lexical, semantic, ignore, got 'xyz'"),
        ({"a": "exakt"}, "expected one of exact, number, lexical, semantic, ignore, did you mean exact?, got 'exakt'"),
        ({"a": ["exact"]}, "expected one of exact, number, lexical, semantic, ignore, got ['exact']"),
        ({"a..b": "exact"}, "'a..b' is not the path of a field"),
        ({"a[x]": "exact"}, "'a[x]' is not the path of a field"),
        ({"a[": "exact"}, "'a[' is not the path of a field"),
        ({"": "exact"}, "'' is not the path of a field"),
        ({1: "exact"}, "1 is not the path of a field"),
        ({"a": {"mode": "exact", "tolerance": 1}}, "tolerance: has no meaning for exact"),
        ({"a": {"tolerance": -1}}, "expected a number of 0 or more, got -1"),
        ({"a": {"tol": 1}}, "unknown field"),
    ],
)
def test_rule_that_cannot_be_used_is_refused(value, problem):
    """The message names the path."""
    with pytest.raises(UsageError) as caught:
        build_case({"prompt": "a", "json_fields": value}, where="a.jsonl:1")
    assert problem in caught.value.problem
    assert caught.value.problem.startswith("a.jsonl:1: json_fields")


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"metric": "json"}, "the case has a metric too"),
        ({"prompt": None, "turns": ["a", "b"]}, "the case has turns"),
        ({"expect": {"reference": "a"}}, "expect.reference is compared as a whole"),
        ({"expect": {"json": {"a": 1, "b": [{"c": 1}]}}, "json_fields": {"a": "ignore", "b": "ignore"}},
         "it ignores all fields of expect.json"),
    ],
)  # fmt: skip
def test_clash_with_another_field_is_refused(fields, problem):
    """Otherwise one of the two would silently not count."""
    with pytest.raises(UsageError, match=problem):
        build_case({"prompt": "a", "json_fields": {"a": "exact"}, **fields}, where="a.jsonl:1")


def test_rules_are_written_as_they_are_read():
    """A report holds the rules of its cases."""
    given_rules = {"a": "exact", "b[].c": "ignore", "d": {"mode": "number", "tolerance": 0.5}}
    case = build_case({"prompt": "a", "json_fields": given_rules}, where="a.jsonl:1")
    assert json_fields_json(case.json_fields) == given_rules
    assert case.metric == "json_fields"


def test_longest_rule_decides():
    """And of two of one length the one that names the place."""
    given_rules = read_json_fields(WHERE, {"$": "lexical", "a": "ignore", "a[].b": "number", "a[1].b": "semantic"})
    modes = [rule_of(path, given_rules).mode for path in ((), ("c",), ("a", 0), ("a", 0, "b"), ("a", 1, "b"))]
    assert modes == ["lexical", "lexical", "ignore", "number", "semantic"]
    assert rule_of(("c",), ()).mode == "exact"
    assert doctest.testmod(rules).failed == 0


def misses(text, json_fields, **fields):
    case = build_case({"prompt": "a", "json_fields": json_fields, **fields}, where="a.jsonl:1")
    reply = Reply(model="small", outcome="ok", text=text)
    failed = check_reply(case, reply, "small", lambda *_: None, similar)
    return [(miss.check, miss.slug, miss.problem.removeprefix("treatment small: ")) for miss in failed]


def test_answer_is_checked_against_expected_fields():
    """Each field that differs is a miss, also a similar text in which a guard finds a change."""
    expect = {"json": {"order": 1, "items": [{"sku": "A"}], "why": "You have 30", "note": 1}, "max_words": 50}
    fields = {"why": "semantic", "note": "ignore"}
    right = '{"order": 1, "items": [{"sku": "A"}], "why": "You get 30"}'
    assert misses(right, fields, expect=expect) == []
    wrong = '{"order": 2, "items": [{"sku": "B"}], "why": "You have 14", "note": 2}'
    assert misses(wrong, fields, expect=expect) == [
        ("json_fields.order", "expect-json-field", "order: expected 1, found 2"),
        ("json_fields.items[].sku", "expect-json-field", 'items[0].sku: expected "A", found "B"'),
        ("json_fields.why", "expect-json-field", "the guard number-changed vetoes a field: why: 30 -> 14"),
    ]
    assert misses(right, fields, expect={"json": expect["json"], "json_schema": {"required": ["note"]}}) == [
        ("expect.json_schema", "expect-json-schema", "$: 'note' is a required property")
    ]


def test_answer_that_is_not_json_misses():
    """With and without expected values, and once."""
    assert misses("Sure!", {"a": "exact"}) == [("json_fields", "expect-json", "expected JSON, found 'Sure!'")]
    found = misses("Sure!", {"a": "exact"}, expect={"json": {"a": 1}, "contains": "Sure"})
    assert found == [("expect.json", "expect-json", "expected JSON, found 'Sure!'")]


def test_missed_threshold_names_the_fields():
    """The user need not look for them."""
    case = build_case({"prompt": "a", "json_fields": {"a": "exact"}, "min_similarity": 1}, where="a.jsonl:1")
    reply = Reply(model="small", outcome="ok", text="{}")
    differences = tuple(FieldDifference(f"l[{place}].a", "l[].a", "1 became 2") for place in range(2))
    comparison = Comparison(case=case, control=reply, treatment=reply, similarity=0.5, threshold=1.0, metric="json_fields",
                            pairs=(PairScore(0.5),), fields=differences)  # fmt: skip
    [miss] = check_comparison(case, comparison, "small")
    assert miss.problem == "treatment small: json_fields similarity 0.50 is below 1: l[].a differs"
