"""Texts are compared in plain forms, on both sides, unless an expectation is about typography itself."""

import doctest

import pytest

from pytest_graysplit.formatting import plain_text
from pytest_graysplit.formatting.plain_text import folded, is_about_typography, plain, plain_pattern


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Zu\u0308rich", "Zürich"),
        ("\u201eJa\u201c \u00abOui\u00bb \u2018it\u2019s\u2019", '"Ja" "Oui" \'it\'s\''),
        ("1\u201310 \u2014 \u22125 \u2011x", "1-10 - -5 -x"),
        ("30\u00a0days 1\u202f250 a\u2009b\u3000c", "30 days 1 250 a b c"),
        ("re\u00adfund re\u200bfund \ufeffre\u2060fund re\u200dfund", "refund refund refund refund"),
        ("u\u00ad\u0308", "ü"),
        ("ä\r\n", "ä\r\n"),
        ("plain - 'text'", "plain - 'text'"),
        ("\u2026 \ufb01 \uff21", "\u2026 \ufb01 \uff21"),
    ],
)
def test_plain_form(text, form):
    """Accents are composed, quotes, dashes and spaces plain, invisible characters gone; nothing else changes."""
    assert plain(text) == form
    assert plain(form) == form


def test_fold_ignores_case_in_every_language():
    """Also where the other case has another length."""
    assert folded("STRASSE") == folded("straße")
    assert folded("İstanbul") == folded("istanbul") == folded("ISTANBUL")
    assert folded("ZU\u0308RICH") == folded("Zürich")


@pytest.mark.parametrize(
    ("pattern", "form"),
    [
        ("\u2019s", "'s"),
        (r"\u2019s", "'s"),
        (r"\xa0", r"\ "),
        (r"\N{EN DASH}1", r"\-1"),
        (r"\N{NOTHING}", r"\N{NOTHING}"),
        (r"\U0001F600\U99999999", r"\U0001F600\U99999999"),
        ("[a\u2013z]", r"[a\-z]"),
        ("\\\u2013", r"\-"),
        (r"\\u2019", r"\\u2019"),
        (r"\d+\s\w", r"\d+\s\w"),
        ("Zu\u0308rich", "Zürich"),
    ],
)
def test_plain_pattern(pattern, form):
    """A plain dash forms no range, a plain space survives a verbose pattern, and escapes keep their meaning."""
    assert plain_pattern(pattern) == form


@pytest.mark.parametrize(
    ("text", "about"),
    [("\u2014", True), (" \u2013 ", True), ("\u201c\u201d", True), ("\u200b", True), ("-", False), ("'", False),
     ("30\u201340", False), ("don\u2019t", False), ("\u0308", False), ("", False)],
)  # fmt: skip
def test_expectation_about_typography(text, about):
    """A dash alone means that dash; beside letters or digits it is a way of writing."""
    assert is_about_typography(text) == about


def test_examples_in_docstrings():
    """The examples hold."""
    assert doctest.testmod(plain_text).failed == 0
