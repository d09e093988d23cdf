"""Expectations of texts: pure functions from an answer to its failures."""

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
from pytest_graysplit.formatting.display import exact_number, excerpt, format_near_bound
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
) -> Iterator[CheckFailure]:
    """Yield the expectations that the text fails; `score` compares it with a reference, from 0 to 1 or None.

    `close_enough` is the threshold of the reference if the case sets none.
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
        hint = "ask for a length in the prompt, or raise max_words (words are separated by white space)"
        problem = f"expected at most {expect.max_words} words, found {words}"
        yield CheckFailure(problem, hint, Slug.EXPECT_MAX_WORDS, "expect.max_words")


def asserts_something(expect: Expect | None) -> bool:
    """Tell whether an answer can fail this; a threshold without a reference checks nothing."""
    return expect is not None and replace(expect, min_similarity=None) != Expect()


@lru_cache(maxsize=1024)
def pattern(text: str) -> re.Pattern[str]:
    """Compile a regular expression once; raise ValueError with the reason if it is invalid."""
    try:
        # A doubtful set such as [[a] only warns, and must not fail a suite that turns warnings into errors.
        with warnings.catch_warnings(action="ignore"):
            return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from None


def _contains(wanted: tuple[str, ...], text: str) -> Iterator[CheckFailure]:
    for place, part in enumerate(wanted):
        if part in text:
            continue
        if (at := text.casefold().find(part.casefold())) >= 0:
            hint = "contains is case-sensitive, and only the case differs here: a regex with (?i) ignores it"
        else:
            at, hint = 0, "contains is case-sensitive and literal; a regex can match more than one wording"
        problem = f"expected to contain {excerpt(part)}, found {excerpt(text, at)}"
        yield CheckFailure(problem, hint, Slug.EXPECT_CONTAINS, f"expect.contains[{place}]")


def _not_contains(unwanted: tuple[str, ...], text: str) -> Iterator[CheckFailure]:
    for place, part in enumerate(unwanted):
        if (at := text.find(part)) >= 0:
            hint = "not_contains is case-sensitive and literal, also inside words; a regex can match whole words only"
            problem = f"expected not to contain {excerpt(part)}, found {excerpt(text, at)}"
            yield CheckFailure(problem, hint, Slug.EXPECT_NOT_CONTAINS, f"expect.not_contains[{place}]")


def _patterns(wanted: tuple[str, ...], text: str) -> Iterator[CheckFailure]:
    for place, expression in enumerate(wanted):
        if not pattern(expression).search(text):
            hint = "it is searched anywhere in the answer, case-sensitive; (?i) ignores case, (?s) lets . span lines"
            problem = f"expected to match {excerpt(expression)}, found {excerpt(text)}"
            yield CheckFailure(problem, hint, Slug.EXPECT_REGEX, f"expect.regex[{place}]")


def _equals(wanted: str, text: str) -> Iterator[CheckFailure]:
    if wanted != text:
        at = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(wanted, text, strict=False)))
        hint = "only white space around the answer is ignored; contains and regex are less strict"
        problem = f"expected {excerpt(wanted, at)}, found {excerpt(text, at)}"
        yield CheckFailure(problem, hint, Slug.EXPECT_EQUALS, "expect.equals")


def _reference(reference: str, threshold: float, reached: float | None) -> Iterator[CheckFailure]:
    # Without a score the case is not judged, and the test item reports that.
    if reached is not None and not reached >= threshold:  # NaN reaches no threshold
        problem = (
            f"similarity {format_near_bound(reached, threshold)} to the reference is below {exact_number(threshold)}"
        )
        hint = f"the reference begins {excerpt(reference)}; expect.min_similarity sets the threshold"
        yield CheckFailure(problem, hint, Slug.EXPECT_REFERENCE, "expect.reference")
