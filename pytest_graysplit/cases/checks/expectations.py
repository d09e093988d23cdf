"""What a right answer must show: pure checks from an answer to what is wrong with it."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from functools import lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING

from pytest_graysplit.cases.checks import CheckFailure
from pytest_graysplit.cases.checks.json_expectations import check_json
from pytest_graysplit.errors import Slug
from pytest_graysplit.formatting.display import beside, exact_number, excerpt
from pytest_graysplit.types import Expect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# The threshold of `reference` where nobody gave one; docs/cases.md states it.
REFERENCE_SIMILARITY = 0.75
# A judge scores 0.5 for an answer as good as the reference.
JUDGED_SIMILARITY = 0.5


def check_expect(
    expect: Expect,
    text: str,
    score: Callable[[str, str], float | None],
    close_enough: float = REFERENCE_SIMILARITY,
) -> Iterator[CheckFailure]:
    """Yield what the text lacks of what is expected; `score` compares it with a reference, from 0 to 1 or None.

    `close_enough` is the reference's threshold where the case sets none.
    """
    yield from _contains(expect.contains, text)
    yield from _not_contains(expect.not_contains, text)
    yield from _patterns(expect.regex, text)
    if expect.equals is not None:
        yield from _equals(expect.equals.strip(), text.strip())
    yield from check_json(expect, text)
    if expect.reference is not None:
        threshold = close_enough if expect.min_similarity is None else expect.min_similarity
        yield from _reference(expect.reference, threshold, score(expect.reference, text))
    if expect.max_words is not None and (words := len(text.split())) > expect.max_words:
        hint = "ask for a length in the prompt, or raise max_words (words are what white space separates)"
        yield CheckFailure(f"expected at most {expect.max_words} words, found {words}", hint, Slug.EXPECT_MAX_WORDS)


def asserts_something(expect: Expect | None) -> bool:
    """Tell whether any answer could miss this; a threshold without a reference holds nothing to it."""
    return expect is not None and replace(expect, min_similarity=None) != Expect()


@lru_cache(maxsize=1024)
def pattern(text: str) -> re.Pattern[str]:
    """Compile a regular expression once; raise ValueError that says why it cannot be."""
    try:
        # A doubtful set such as [[a] only warns, and a suite that turns warnings into errors must still collect.
        with warnings.catch_warnings(action="ignore"):
            return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from None


def _contains(wanted: tuple[str, ...], text: str) -> Iterator[CheckFailure]:
    for part in wanted:
        if part in text:
            continue
        if (at := text.casefold().find(part.casefold())) >= 0:
            hint = "contains is case-sensitive, and only the case differs here: a regex with (?i) takes any"
        else:
            at, hint = 0, "contains is case-sensitive and literal; a regex takes more than one wording"
        yield CheckFailure(
            f"expected to contain {excerpt(part)}, found {excerpt(text, at)}", hint, Slug.EXPECT_CONTAINS
        )


def _not_contains(unwanted: tuple[str, ...], text: str) -> Iterator[CheckFailure]:
    for part in unwanted:
        if (at := text.find(part)) >= 0:
            hint = "not_contains is case-sensitive and literal, also inside words; a regex can be held to whole ones"
            problem = f"expected not to contain {excerpt(part)}, found {excerpt(text, at)}"
            yield CheckFailure(problem, hint, Slug.EXPECT_NOT_CONTAINS)


def _patterns(wanted: tuple[str, ...], text: str) -> Iterator[CheckFailure]:
    for expression in wanted:
        if not pattern(expression).search(text):
            hint = "it is searched anywhere in the answer, case-sensitive; (?i) takes any case, (?s) lets . span lines"
            yield CheckFailure(
                f"expected to match {excerpt(expression)}, found {excerpt(text)}", hint, Slug.EXPECT_REGEX
            )


def _equals(wanted: str, text: str) -> Iterator[CheckFailure]:
    if wanted != text:
        at = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(wanted, text, strict=False)))
        hint = "only white space around the answer is overlooked; contains or regex ask for less"
        problem = f"expected {excerpt(wanted, at)}, found {excerpt(text, at)}"
        yield CheckFailure(problem, hint, Slug.EXPECT_EQUALS)


def _reference(reference: str, threshold: float, reached: float | None) -> Iterator[CheckFailure]:
    # Without a score nothing can be said of the answer: the case is not judged then, which is for its item to tell.
    if reached is not None and not reached >= threshold:  # a score that is no number reaches nothing
        problem = f"similarity {beside(reached, threshold)} to the reference is below {exact_number(threshold)}"
        hint = f"the reference begins {excerpt(reference)}; expect.min_similarity sets what is close enough"
        yield CheckFailure(problem, hint, Slug.EXPECT_REFERENCE)
