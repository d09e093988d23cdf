"""Quantities and exact values: pairs in eight languages that differ in one, and pairs that only write it differently."""

import json
from pathlib import Path

import pytest

from pytest_graysplit.evaluation.metrics.guards import flags
from pytest_graysplit.evaluation.metrics.guards.parsed_text import parse
from pytest_graysplit.evaluation.metrics.guards.quantities.reading.numerals import plain, values
from pytest_graysplit.evaluation.metrics.guards.quantities.reading.reader import read
from pytest_graysplit.evaluation.metrics.guards.quantities.tables import number_words

PAIRS = [
    json.loads(line)
    for line in Path(__file__).with_name("quantity_pairs.jsonl").read_text(encoding="utf-8").splitlines()
]
OURS = {"number-changed", "bound-changed", "value-changed"}


def found(control, treatment):
    return [(flag.name, flag.detail) for flag in flags(control, treatment) if flag.name in OURS]


def keys(text):
    """Return the comparable values of the first quantity of a text."""
    written = plain(text)
    quantity = read(written, parse(text).words).quantities[0]
    return quantity.keys or {tuple(day) for day in quantity.days}


@pytest.mark.parametrize("kind", sorted({pair["kind"] for pair in PAIRS}))
def test_pairs_are_flagged_if_the_meaning_changes(kind):
    """A changed value is flagged in both directions; another writing of the same value is in neither."""
    wrong = []
    for pair in (pair for pair in PAIRS if pair["kind"] == kind):
        one, other = pair["control"], pair["treatment"]
        if not bool(found(one, other)) == bool(found(other, one)) == pair["changes_meaning"]:
            wrong.append((one, other, found(one, other), found(other, one)))
    assert wrong == []


def test_pairs_cover_all_languages_in_both_ways():
    """A kind that only has changed pairs could be passed by a guard that flags everything."""
    for language in ("en", "de", "fr", "es", "it", "pt", "nl", "zh"):
        counts = [
            sum(pair["changes_meaning"] is way for pair in PAIRS if pair["language"] == language)
            for way in (True, False)
        ]
        assert min(counts) >= 8


DETAILS = [
    ("It costs 40 million euros.", "It costs 40 billion euros.", "number-changed",
     "control says 40 million, treatment says 40 billion"),
    ("It ends on 2026-03-01.", "It ends on 2026-01-03.", "number-changed",
     "control says 2026-03-01, treatment says 2026-01-03"),
    ("The fee is \u20ac20.", "The fee is $20.", "number-changed", "control says \u20ac20, treatment says $20"),
    ("You need at least 5 days.", "You need at most 5 days.", "bound-changed",
     "control says at least 5 days, treatment says at most 5 days"),
    ("The code is RE-2025-0042.", "The code is RE-2025-0024.", "value-changed",
     "control says RE-2025-0042, treatment says RE-2025-0024"),
    ("The answer is B.", "The answer is C.", "value-changed", "control chooses B, treatment chooses C"),
    ("Use `a > 0`.", "Use `a < 0`.", "value-changed", "control says Use `a > 0`., treatment says Use `a < 0`."),
    ('{"a": {"b": "EUR"}}', '{"a": {"b": "USD"}}', "value-changed", "control says a.b = EUR, treatment says a.b = USD"),
    ('{"a": [1, 2]}', '{"a": [1, 3]}', "number-changed", "control says a[1] = 2, treatment says a[1] = 3"),
]  # fmt: skip


@pytest.mark.parametrize(("control", "treatment", "name", "detail"), DETAILS)
def test_flag_names_both_values(control, treatment, name, detail):
    """A reader sees the two values without looking for them in the answers."""
    assert (name, detail) in found(control, treatment)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2 weeks", "14 days"),
        ("1.5 hours", "90 minutes"),
        ("1 h 30 min", "90 min"),
        ("0.5 l", "500 ml"),
        ("1,2 Mio. Euro", "1.200.000 \u20ac"),
        ("twenty-five days", "25 days"),
        ("12 March 2026", "2026-03-12"),
        ("\u0661\u0665 days", "15 days"),
        ("1\u00bd hours", "90 minutes"),
        ("\u4e09\u5341\u5929", "30\u5929"),
        ("5 pm", "17:00"),
    ],
)
def test_equal_values_share_a_key(one, other):
    """The writing of a value does not matter."""
    assert not keys(one).isdisjoint(keys(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("5 mg", "5 g"),
        ("5 euros", "5 dollars"),
        ("3 days", "3 weeks"),
        ("1,5 kg", "15 kg"),
        ("40 million", "40 billion"),
    ],
)
def test_other_values_share_no_key(one, other):
    """A unit, a currency and a magnitude are a part of the value."""
    assert keys(one).isdisjoint(keys(other))


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ("1.000", [{1.0, 1000.0}]),
        ("1.234,50", [{1234.5}]),
        ("1,234,567", [{1234567.0}]),
        ("1,00,000", [{100000.0}]),
        ("12 500", [{12500.0}]),
        ("3,4,5", [{3.0}, {4.0}, {5.0}]),
        ("0.500", [{0.5}]),
        ("0" * 3 + "1" * 20, ["1" * 20]),
    ],
)
def test_figures_have_the_values_that_countries_read(figures, expected):
    """A point is a decimal mark in one country and a grouping in another."""
    assert list(values(figures)) == [frozenset(one if isinstance(one, set) else {one}) for one in expected]


@pytest.mark.parametrize(
    ("parts", "value"),
    [
        ([2, 100, 50], 250),
        ([60, 15], 75),
        ([3, 1e6, 500, 1000], 3_500_000),
        ([2, 5], None),
        ([100, 100], None),
        ([0], 0),
    ],
)
def test_number_words_compose(parts, value):
    """Words in a row are one number only if their order allows it."""
    assert number_words.compose(parts) == value


HOSTILE = ["9" * 5000, "1," * 3000, "two " * 3000, "+1" * 3000, "1/" * 3000, "[" * 20_000, "a@b.de " * 1500, "\u4e09" * 3000,
           "2026-03-01 " * 900, "`a" * 3000, "<" * 5000, "DE89 " * 2000, '{"a":' * 3000, "5 to " * 2000]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:8])
def test_degenerate_answers_are_read(text):
    """A model in a loop produces absurd texts; they are compared without error, in both directions."""
    other = text.replace("1", "2").replace("9", "8").replace("two", "three").replace("a", "b")
    assert flags(text, other) is not None
    assert flags("The fee is 5 euros.", text) is not None


def test_number_at_the_end_of_a_long_answer_is_known():
    """An answer with more numbers than are read flags nothing that the other one says further on."""
    long = " ".join(f"row {number} has {number * 7} items." for number in range(2000))
    assert found(f"{long} In total 123456 items.", f"In total 123456 items. {long}") == []
