"""Expectations of texts: pure functions from an answer to its failures."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_graysplit.cases.checks import CheckFailure
from pytest_graysplit.cases.checks.choice_expectations import check_choice
from pytest_graysplit.cases.checks.json_expectations import check_json
from pytest_graysplit.cases.checks.language_expectations import check_language
from pytest_graysplit.cases.checks.number_expectations import check_number
from pytest_graysplit.cases.checks.text_expectations import AnswerText, check_wording
from pytest_graysplit.errors import Slug
from pytest_graysplit.formatting.display import exact_number, excerpt, format_near_bound, plural
from pytest_graysplit.types import Expect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# The default threshold of `reference`; docs/cases.md states it.
REFERENCE_SIMILARITY = 0.75
# A judge scores 0.5 for an answer as good as the reference.
JUDGED_SIMILARITY = 0.5


def check_expect(
    expect: Expect,
    text: str,
    score: Callable[[str, str], float | None],
    close_enough: float = REFERENCE_SIMILARITY,
    prompt: str = "",
) -> Iterator[CheckFailure]:
    """Yield the expectations that the text fails; `score` compares it with a reference, from 0 to 1 or None.

    `close_enough` is the threshold of the reference if the case sets none. `prompt` may list the options of a choice.
    """
    yield from check_wording(expect, AnswerText(text, exact=expect.exact_text))
    yield from check_number(expect, text)
    yield from check_choice(expect.choice, text, prompt)
    yield from check_language(expect.language, text)
    yield from check_json(expect, text)
    if expect.reference is not None:
        threshold = close_enough if expect.min_similarity is None else expect.min_similarity
        yield from _reference(expect.reference, threshold, score(expect.reference, text))
    yield from _word_count(expect, text)


def asserts_something(expect: Expect | None) -> bool:
    """Tell whether an answer can fail this; a threshold without a reference checks nothing."""
    return expect is not None and replace(expect, min_similarity=None, tolerance=None, exact_text=False) != Expect()


def _word_count(expect: Expect, text: str) -> Iterator[CheckFailure]:
    words = len(text.split())
    if expect.min_words is not None and words < expect.min_words:
        hint = "ask for a length in the prompt, or lower min_words (words are separated by white space)"
        problem = f"expected at least {plural(expect.min_words, 'word')}, found {words}"
        yield CheckFailure(problem, hint, Slug.EXPECT_MIN_WORDS, "expect.min_words")
    if expect.max_words is not None and words > expect.max_words:
        hint = "ask for a length in the prompt, or raise max_words (words are separated by white space)"
        problem = f"expected at most {expect.max_words} words, found {words}"
        yield CheckFailure(problem, hint, Slug.EXPECT_MAX_WORDS, "expect.max_words")


def _reference(reference: str, threshold: float, reached: float | None) -> Iterator[CheckFailure]:
    # Without a score the case is not judged, and the test item reports that.
    if reached is not None and not reached >= threshold:  # NaN reaches no threshold
        problem = (
            f"similarity {format_near_bound(reached, threshold)} to the reference is below {exact_number(threshold)}"
        )
        hint = f"the reference begins {excerpt(reference)}; expect.min_similarity sets the threshold"
        yield CheckFailure(problem, hint, Slug.EXPECT_REFERENCE, "expect.reference")
