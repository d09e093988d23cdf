"""Wording is checked in plain forms, and a miss names characters that look alike."""

import doctest
import json

import pytest

from pytest_graysplit.cases.checks.assertions import check_reply
from pytest_graysplit.cases.expect_fields import EXPECT_FIELDS, expect_json, read_expect
from pytest_graysplit.cases.field_types import FieldLocation
from pytest_graysplit.cases.fields import build_case
from pytest_graysplit.formatting import lookalikes
from pytest_graysplit.formatting.lookalikes import find_alike, name_difference
from pytest_graysplit.types import Reply

NFD = "Zu\u0308rich"
CYRILLIC = "P\u0430ris"  # the second letter is Cyrillic
WHERE = FieldLocation("support.jsonl:1", "expect")


def misses(text, **expect):
    """Return the problems of an answer, without the name of the model."""
    case = build_case({"prompt": "Where?", "expect": expect}, where="support.jsonl:1")
    failed = check_reply(case, Reply(model="small", outcome="ok", text=text), "small", lambda *_: 0.0)
    return [failure.problem.removeprefix("treatment small: ") for failure in failed]


@pytest.mark.parametrize(
    ("text", "expect"),
    [
        (NFD, {"equals": "Zürich"}),
        ("In Zürich.", {"contains": NFD}),
        (f"In {NFD}.", {"regex": r"\bZürich\b"}),
        (f"In {NFD.upper()}.", {"icontains": "zürich"}),
        (f"{NFD} it is", {"starts_with": "Zürich"}),
        ("Bern, or Zürich", {"contains_any": ["Genf", NFD]}),
        (json.dumps({"Sta\u0308dte": [NFD]}), {"json": {"Städte": ["Zürich"]}}),
        (json.dumps({"city": NFD}), {"json_schema": {"properties": {"city": {"const": "Zürich"}}}}),
        ("\u201cdon\u2019t\u201d", {"equals": '"don\'t"'}),
        ('"don\'t"', {"equals": "\u201cdon\u2019t\u201d"}),
        ("within 30\u00a0days", {"contains": "30 days"}),
        ("10\u201320\u202fkm", {"contains": "10-20 km"}),
        ("10-20 km", {"regex": "10\u201320\u00a0km"}),
        ("It\u2019s fine", {"regex": "^It's"}),
        ("It's fine", {"regex": r"^It\u2019s"}),
        ("re\u00adfund", {"contains": "refund"}),
        ("well-known", {"not_contains": "\u2014", "not_regex": "[\u2013\u2014]"}),
        ("\n\u00a0Yes, sir", {"starts_with": "Yes"}),
        ("\u201cYes\u201d", {"contains": "\u201c", "exact_text": True}),
        ("one\r\ntwo", {"equals": "one\ntwo", "contains": "e\nt", "regex": r"e\r\nt"}),
        ("one\ntwo", {"equals": "one\r\ntwo"}),
        ("a[\u200b]", {"regex": r"a\[.?\]"}),
        ('{"sep": "\u2014"}', {"json": {"sep": "\u2014"}}),
    ],
)
def test_right_wording_passes(text, expect):
    """Only the writing differs."""
    assert misses(text, **expect) == []


@pytest.mark.parametrize(
    ("text", "expect"),
    [
        (f"Not to {NFD}.", {"not_contains": "Zürich"}),
        ("No re\u200bfund", {"not_contains": "refund"}),
        ("No re\u200dfund", {"not_regex": "refund"}),
        ("don\u2019t", {"not_contains": "'"}),
        ("don\u2019t", {"not_regex": "don't"}),
        ("a \u2014 b", {"not_contains": "\u2014"}),
        ("a \u2014 b", {"not_regex": r"[\u2013\u2014]"}),
        ("a \u2014 b", {"not_regex": r"\N{EM DASH}"}),
        ("a-b", {"contains": "\u2014"}),
        ('{"sep": "-"}', {"json": {"sep": "\u2014"}}),
        ("bm", {"regex": "[a\u2013z]m"}),
        ("one\r\ntwo", {"not_regex": r"\r"}),
        (NFD, {"equals": "Zürich", "exact_text": True}),
        ("30\u00a0days", {"contains": "30 days", "exact_text": True}),
        (json.dumps({"city": NFD}), {"json": {"city": "Zürich"}, "exact_text": True}),
        ("YES", {"starts_with": "Yes"}),
        ("Say Yes", {"starts_with": "Yes"}),
        ("", {"starts_with": "Yes"}),
        ("Genf", {"contains_any": ["Bern", "Basel"]}),
        ("bern", {"contains_any": ["Bern"]}),
        ("one two", {"min_words": 3}),
        ("", {"min_words": 1}),
        ("It costs", {"icontains": "free"}),
        ("a-b", {"icontains": "\u2014"}),
    ],
)
def test_wrong_wording_misses(text, expect):
    """No way of writing hides an unwanted word, and a character that the expectation is about must be there."""
    assert len(misses(text, **expect)) == 1


@pytest.mark.parametrize(
    ("text", "expect", "problem"),
    [
        (CYRILLIC, {"equals": "Paris"},
         f"expected 'Paris', found '{CYRILLIC}' (found U+0430 CYRILLIC SMALL LETTER A instead of U+0061 LATIN SMALL LETTER A)"),
        (f"In {CYRILLIC}.", {"contains": "Paris"},
         (f"expected to contain 'Paris', found 'In {CYRILLIC}.' (found U+0430 CYRILLIC SMALL LETTER A instead of U+0061 "
          "LATIN SMALL LETTER A)")),
        (f"In {CYRILLIC}.", {"icontains": "PARIS"},
         (f"expected to contain 'PARIS' in any case, found 'In {CYRILLIC}.' (found U+0430 CYRILLIC SMALL LETTER A instead"
          " of U+0061 LATIN SMALL LETTER A)")),
        (NFD, {"equals": "Zürich", "exact_text": True},
         (f"expected 'Zürich', found '{NFD}' (found U+0075 LATIN SMALL LETTER U + U+0308 COMBINING DIAERESIS instead of "
          "U+00FC LATIN SMALL LETTER U WITH DIAERESIS)")),
        ("a  b", {"equals": "a b"}, "expected 'a b', found 'a  b' (found U+0020 SPACE instead of U+0062 LATIN SMALL LETTER B)"),
        ("a\u2026", {"equals": "a..."},
         "expected 'a...', found 'a…' (found U+2026 HORIZONTAL ELLIPSIS instead of U+002E FULL STOP)"),
        (json.dumps({"city": CYRILLIC}), {"json": {"city": "Paris"}},
         (f'$.city: expected "Paris", found "{CYRILLIC}" (found U+0430 CYRILLIC SMALL LETTER A instead of U+0061 LATIN SMALL '
          "LETTER A)")),
        ("open", {"starts_with": "Open"}, "expected to start with 'Open', found 'open'"),
        ("maybe", {"contains_any": ["yes", "no"]}, "expected to contain one of 'yes', 'no', found 'maybe'"),
        ("a refund", {"not_regex": "re.und"}, "expected not to match 're.und', found 'a refund'"),
        ("It costs", {"icontains": "Free"}, "expected to contain 'Free' in any case, found 'It costs'"),
        ("one", {"min_words": 2}, "expected at least 2 words, found 1"),
        ("\x1b[2Jx\x9b", {"equals": "x"},
         "expected 'x', found '\\x1b[2Jx\\x9b' (found U+001B without a name instead of U+0078 LATIN SMALL LETTER X)"),
        ('{"a": "\\u009b2J\\u202e"}', {"json": {"a": "x"}},
         '$.a: expected "x", found "\\u009b2J" (found U+009B without a name instead of U+0078 LATIN SMALL LETTER X)'),
        ("[NaN]", {"json": True}, "expected JSON, found '[NaN]' (NaN is not a number of JSON)"),
    ],
)  # fmt: skip
def test_miss_shows_the_difference(text, expect, problem):
    """Characters that look alike are named, and none of an answer drives the terminal."""
    assert misses(text, **expect) == [problem]


def test_lookalike_passages_are_found():
    """A passage with the letters of another script, other accents or another case looks like the part."""
    assert find_alike("Zurich", f"In {NFD}.") == (3, NFD)
    assert find_alike("\u0399TEM", "one item") == (4, "item")
    assert find_alike("a", "b") is find_alike("\u0301", "b\u0301") is None
    assert name_difference("same", "same") == ""
    assert name_difference("open", "open!\u0430") == ""
    assert doctest.testmod(lookalikes).failed == 0


def test_every_field_is_written_as_it_is_read():
    """A file that is written from expectations holds the same ones."""
    given = {"contains": ["a"], "icontains": ["b"], "contains_any": ["c", "d"], "not_contains": ["e"], "starts_with": "f",
             "regex": ["g"], "not_regex": ["h"], "equals": "i", "number": 0, "tolerance": 1, "choice": "B", "language": "de",
             "json": {"a": 1}, "json_schema": {}, "reference": "j", "min_similarity": 0.5, "min_words": 1, "max_words": 2,
             "exact_text": True, "tool_calls": [{"name": "k", "arguments": {}}], "tool_order": True,
             "no_other_tool_calls": True}  # fmt: skip
    assert {*given, "no_tool_calls"} == set(EXPECT_FIELDS)
    assert expect_json(read_expect(WHERE, given)) == given
