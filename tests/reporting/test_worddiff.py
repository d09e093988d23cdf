"""The difference of two answers, word by word: whole texts, and nothing lost on the way."""

import doctest
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.reporting import worddiff
from pytest_graysplit.reporting.worddiff import word_diff

LONG = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"


def test_the_examples_in_the_docstrings_are_true():
    """What the module says of itself is run."""
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
def test_a_difference_in_whole(control, treatment, diff):
    """Gone words in brackets, new ones in braces, long equal stretches cut, white space no difference."""
    assert word_diff(control, treatment) == diff


def test_equal_words_between_changes_become_part_of_one_change():
    """One or two equal words between two changes would make the reader jump."""
    control, treatment = "We x the old y here now and then.", "We p the old q here now and then."
    assert word_diff(control, treatment) == "We [-x the old y-] {+p the old q+} here now and then."
    assert word_diff("We x the very old y here.", "We p the very old q here.") == (
        "We [-x-] {+p+} the very old [-y-] {+q+} here."
    )


def test_thirteen_equal_words_are_shown_and_fourteen_are_cut():
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
def test_the_same_words_keep_both_ends(text, diff):
    """Without a change there is nothing to stand near, and still something to see."""
    assert word_diff(text, f"{text}\n") == diff


WORDS = st.lists(st.sampled_from(["a", "b", "c", "dd", "30", "the"]), max_size=12)


@given(WORDS, WORDS)
def test_both_answers_can_be_read_out_of_the_difference(control, treatment):
    """Dropping what is new gives the control's words, dropping what is gone the treatment's."""
    diff = word_diff(" ".join(control), " ".join(treatment))
    without_new = re.sub(r"\{\+.*?\+\}", "", diff).replace("[-", "").replace("-]", "")
    without_gone = re.sub(r"\[-.*?-\]", "", diff).replace("{+", "").replace("+}", "")
    assert (without_new.split(), without_gone.split()) == (control, treatment)


@given(st.text(), st.text())
def test_any_two_texts_have_a_difference(control, treatment):
    """Whatever a model writes, showing it does not fail, and no line is broken."""
    assert len(word_diff(control, treatment).splitlines()) <= 1
