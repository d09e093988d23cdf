"""A choice is met only by an answer that settles on it."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.cases.checks import choice_reading
from pytest_graysplit.cases.checks.choice_expectations import check_choice
from pytest_graysplit.cases.checks.choice_reading import options_of

OPTIONS = "How long?\nA) 14 days\nB) 30 days\nC) 60 days\nD) never"

RIGHT = {
    "B": ["B", "(B)", "B)", "**B**", "b", "b)", "B.", '"B"', "Option B", "B - 30 days", "B: 30 days", "B) 30 days",
          "The answer is B.", "The answer is\n\nB", "Answer: B because A is wrong", "Answer: b", "The answer: (b)", "Answer B",
          "**Answer: B**", "Answer: **B**", "Correct answer: **B) 30 days**", "My answer is: B", "### Answer\nB",
          "<answer>B</answer>", "\\boxed{B}", "\\boxed{\\text{B}}", "Final Answer: B", "B because A is wrong",
          "B, because A is wrong.", "B is correct.", "I choose B", "It's B.", "I would go with option B.",
          "The correct answer is (B).", "The correct option is B) 30 days.", "The best choice here is B, since A is too short.",
          "Antwort: B", "Die richtige Antwort ist B.", "La réponse est B", "答案是B。", "Not A but B.",
          "A is wrong. The answer is B.", "Between A and B, the answer is B.",
          "A) is wrong, C) is wrong, D) is wrong.\nSo B.", "Let me think. A is 14 days. C is 60 days.\n\nAnswer: B",
          "A) 14 days\nB) 30 days\n\nB"],
    "A": ["A", "A.", "(A)", "A because B is wrong", "The answer is A.", "The answer is A because", "A is correct.", "Answer: A"],
    "2": ["2", "2)", "(2)", "Answer: 2", "Option 2"],
    "yes": ["Yes", "yes.", "**Yes**", "Yes.", "Yes, because it is.", "The answer is yes.", "Answer: Yes", "I see.\nYes!"],
    "refund": ["Refund", "refund.", "Category: lamp\nAnswer: refund", "**refund**",
               "The answer is refund because the lamp broke.", "The topic of this message is refund.",
               "Category: refund", "Ich lese das als Refund.", "The right label is a **refund**."],
}  # fmt: skip
WRONG = {
    "B": ["", "I do not know.", "A", "(A)", "Answer: A", "A or B", "Either A or B", "A and B", "A/B", "A B", "B, C", "B & C",
          "B? or C?", "Answer: A, B", "Answer: AB", "The answer is A or B.", "The answer is B or A.",
          "The answer is between B and C", "Both A and B are right.", "B and C are correct", "**A** or **B**",
          "Maybe A, maybe B", "Option A and option B are both right.", "Not B", "The answer is not B.", "B is wrong.",
          "It cannot be B.", "I cannot decide between A and B.", "Neither A nor B.", "Answer: A because B is wrong",
          "The answer is A (not B).", "The answer is B. No, the answer is A.", "Answer: B\nAnswer: C", "All of the above",
          "A) 14 days\nB) 30 days\nC) 60 days", "A\nB\nC", "Answer: Be careful", "Plan C is best, B is second.",
          "Vitamin B is healthy and good for you in the winter."],
    "A": ["A customer may return it.", "Answer: A customer may return it.", "The answer is a matter of taste.", "a lamp",
          "I think a customer may.", "B because A is wrong", "It is a lamp"],
    "2": ["12", "2.5", "1 or 2", "Answer: 21", "3"],
    "yes": ["No", "Yes and no", "Yes or no", "The answer is no. Yes, really.", "yesterday", "Not yes", "It depends",
            "The answer is not yes", "No, yes is wrong"],
    "refund": ["refund or exchange", "exchange", "The answer is exchange, not refund", "No refund", "refund and exchange",
               "It is not a refund.", "It may be a refund.", "It is either an exchange or a refund.",
               "The topic is exchange, the second one is refund.", "The topic is refundable."],
}  # fmt: skip


def problems(choice, text, prompt=""):
    return [failure.problem for failure in check_choice(choice, text, prompt)]


@pytest.mark.parametrize(("choice", "text"), [(choice, text) for choice, texts in RIGHT.items() for text in texts])
def test_answer_that_settles_on_the_option_passes(choice, text):
    """In any usual writing of a label or a word."""
    assert problems(choice, text) == []


@pytest.mark.parametrize(("choice", "text"), [(choice, text) for choice, texts in WRONG.items() for text in texts])
def test_wrong_or_undecided_answer_misses(choice, text):
    """Another option, several, a denied one, and words that only look like a label."""
    assert len(problems(choice, text)) == 1


def test_options_of_the_prompt_may_be_named_in_words():
    """A label and its words are one option, and a label with the words of another option settles nothing."""
    for text in ("30 days", "The answer is 30 days.", "You have 30 days.", "It is 30 days, not 14 days.", "B: 30 days"):
        assert problems("B", text, OPTIONS) == problems("30 days", text, OPTIONS) == []
    for text in ("14 days", "B) 14 days", "30 days or 60 days", "You have 14 days, not 30 days", "130 days", "A", "E"):
        assert len(problems("B", text, OPTIONS)) == 1


@pytest.mark.parametrize(
    ("prompt", "options"),
    [
        ("Pick: A) one, B) two", {"A": "one", "B": "two"}),
        ("(a) one\n(b) two", {"A": "one", "B": "two"}),
        ("1. one\n2. two", {"1": "one", "2": "two"}),
        ("A) one", {}),
        ("B) one C) two", {}),
        ("A customer asks: why?", {}),
    ],
)
def test_options_are_read_from_the_prompt(prompt, options):
    """Only a list from the first label on is one."""
    assert options_of(prompt) == options


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Answer: C", "expected the choice B, the answer settles on C: 'Answer: C'"),
        ("A or B", "expected the choice B, the answer names A and B and settles on none: 'A or B'"),
        ("Hm.", "expected the choice B, the answer settles on no option: 'Hm.'"),
    ],
)
def test_miss_shows_the_option(text, problem):
    """The message says what the answer settles on, if anything."""
    assert problems("B", text) == [problem]


@given(st.text(alphabet="ABab12()[]*.,:\n answerisnotor/", max_size=50))
def test_any_text_can_be_checked(text):
    """No combination of labels and marks breaks the reader."""
    problems("B", text, OPTIONS)
    problems("yes", text)


def test_examples_in_docstrings():
    """The examples hold."""
    assert doctest.testmod(choice_reading).failed == 0
