"""The word-by-word difference of two answers: whole outputs, and completeness."""

import doctest
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.reporting import worddiff
from pytest_graysplit.reporting.worddiff import word_diff

LONG = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"


def test_docstring_examples_run():
    """The documented outputs are the actual ones."""
    assert doctest.testmod(worddiff).failed == 0


@pytest.mark.parametrize(
    ("control", "treatment", "diff"),
    [
        ("", "", ""),
        ("a", "", "[-a-]"),
        ("", "b", "{+b+}"),
        ("a", "b", "[-a-] {+b+}"),
        ("a b c", "a c", "a [-b-] c"),
        ("a c", "a b c", "a {+b+} c"),
        ("You have 30 days.", "You have 14 days.", "You have [-30-] {+14+} days."),
        ("It is a b fine day", "It is c a d fine day", "It is [-a b-] {+c a d+} fine day"),
        ("Yes. " + LONG, "No. " + LONG, "[-Yes.-] {+No.+} one two three four five six ..."),
        (LONG + " yes.", LONG + " no.", "... nine ten eleven twelve thirteen fourteen [-yes.-] {+no.+}"),
        (
            f"Yes {LONG} yes",
            f"No {LONG} no",
            "[-Yes-] {+No+} one two three four five six ... nine ten eleven twelve thirteen fourteen [-yes-] {+no+}",
        ),
        ("line one\nline two", "line one\n\nline  three", "line one line [-two-] {+three+}"),
    ],
)
def test_word_diff_output(control, treatment, diff):
    """Removed words in brackets, new ones in braces, long equal stretches cut, white space ignored."""
    assert word_diff(control, treatment) == diff


def test_word_diff_joins_changes_around_few_equal_words():
    """With one or two equal words between them, two changes are easier to read as one."""
    control, treatment = "We x the old y here now and then.", "We p the old q here now and then."
    assert word_diff(control, treatment) == "We [-x the old y-] {+p the old q+} here now and then."
    assert word_diff("We x the very old y here.", "We p the very old q here.") == (
        "We [-x-] {+p+} the very old [-y-] {+q+} here."
    )


def test_word_diff_cuts_fourteen_equal_words_and_not_thirteen():
    """The dots stand for at least two words."""
    thirteen = " ".join(LONG.split()[:13])
    assert word_diff(f"a {thirteen} b", f"c {thirteen} d") == f"[-a-] {{+c+}} {thirteen} [-b-] {{+d+}}"


@pytest.mark.parametrize(
    ("text", "diff"),
    [
        ("the  same", "the same"),
        (LONG, "one two three four five six ... nine ten eleven twelve thirteen fourteen"),
    ],
)
def test_word_diff_of_equal_texts_keeps_both_ends(text, diff):
    """A long text without changes is still cut in the middle."""
    assert word_diff(text, f"{text}\n") == diff


WORDS = st.lists(st.sampled_from(["a", "b", "c", "dd", "30", "the"]), max_size=12)


@given(WORDS, WORDS)
def test_word_diff_contains_both_answers(control, treatment):
    """Without the new words it is the control's text, without the removed words the treatment's."""
    diff = word_diff(" ".join(control), " ".join(treatment))
    without_new = re.sub(r"\{\+.*?\+\}", "", diff).replace("[-", "").replace("-]", "")
    without_gone = re.sub(r"\[-.*?-\]", "", diff).replace("{+", "").replace("+}", "")
    assert (without_new.split(), without_gone.split()) == (control, treatment)


@given(st.text(), st.text())
def test_word_diff_accepts_any_texts(control, treatment):
    """It never fails, and never breaks a line."""
    assert len(word_diff(control, treatment).splitlines()) <= 1
