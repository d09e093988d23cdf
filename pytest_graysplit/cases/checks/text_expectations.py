"""Expectations of the wording of an answer: texts that it contains, begins with or equals, and patterns."""

from __future__ import annotations

import re
import unicodedata
import warnings
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from pytest_graysplit.cases.checks import CheckFailure
from pytest_graysplit.errors import Slug
from pytest_graysplit.formatting.display import excerpt
from pytest_graysplit.formatting.lookalikes import find_alike, first_difference_at, name_difference
from pytest_graysplit.formatting.plain_text import (
    folded,
    is_about_typography,
    pattern_is_about_typography,
    plain,
    plain_pattern,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_graysplit.types import Expect


class AnswerText:
    """The text of an answer in the forms in which it is compared."""

    def __init__(self, text: str, *, exact: bool) -> None:
        """Hold the text; `exact` compares every character as it is."""
        self.text = text
        self.exact = exact

    @cached_property
    def plain(self) -> str:
        """The text in which an expectation is looked for, unless it is about typography."""
        return self.text if self.exact else plain(self.text)

    @cached_property
    def _lines(self) -> str:
        # Patterns have classes for line ends, so they see them as they are.
        return _with_unix_lines(self.plain)

    @cached_property
    def composed(self) -> str:
        """The text in which an expectation about typography is looked for."""
        return self.text if self.exact else unicodedata.normalize("NFC", self.text)

    def beside(self, part: str) -> tuple[str, str]:
        """Return an expectation and the text, both in the form in which they are compared."""
        if self.exact:
            return part, self.text
        if is_about_typography(part):
            return unicodedata.normalize("NFC", part), self.composed
        return _with_unix_lines(plain(part)), self._lines

    def search(self, expression: str) -> re.Match[str] | None:
        """Search a regular expression, as written or in its plain form, in the text of the same form."""
        if self.exact or pattern_is_about_typography(expression):
            return pattern(expression).search(self.composed)
        return _plain_pattern(expression).search(self.plain)


def check_wording(expect: Expect, answer: AnswerText) -> Iterator[CheckFailure]:
    """Yield the failures of an answer to meet the expectations of its wording."""
    yield from _contains(expect.contains, answer)
    yield from _icontains(expect.icontains, answer)
    yield from _contains_any(expect.contains_any, answer)
    yield from _not_contains(expect.not_contains, answer)
    yield from _starts_with(expect.starts_with, answer)
    yield from _patterns(expect.regex, answer)
    yield from _unwanted_patterns(expect.not_regex, answer)
    if expect.equals is not None:
        yield from _equals(expect.equals, answer)


@lru_cache(maxsize=1024)
def pattern(text: str) -> re.Pattern[str]:
    """Compile a regular expression once; raise ValueError with the reason if it is invalid."""
    try:
        # A doubtful set such as [[a] only warns, and must not fail a suite that turns warnings into errors.
        with warnings.catch_warnings(action="ignore"):
            return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from None


@lru_cache(maxsize=1024)
def _plain_pattern(text: str) -> re.Pattern[str]:
    try:
        return pattern(plain_pattern(text))
    except ValueError:  # nothing is left between brackets that held an invisible character
        return pattern(text)


def _with_unix_lines(text: str) -> str:
    return text.replace("\r\n", "\n") if "\r" in text else text


def _contains(wanted: tuple[str, ...], answer: AnswerText) -> Iterator[CheckFailure]:
    for place, each in enumerate(wanted):
        part, text = answer.beside(each)
        if part in text:
            continue
        at, note, hint = 0, "", "contains is case-sensitive and literal; a regex can match more than one wording"
        if (same_but_case := text.casefold().find(part.casefold())) >= 0:
            at, hint = same_but_case, "contains is case-sensitive, and only the case differs here: icontains ignores it"
        elif alike := find_alike(part, text):
            at, note = alike[0], name_difference(part, alike[1])
        problem = f"expected to contain {excerpt(part)}, found {excerpt(text, at)}{note}"
        yield CheckFailure(problem, hint, Slug.EXPECT_CONTAINS, f"expect.contains[{place}]")


def _icontains(wanted: tuple[str, ...], answer: AnswerText) -> Iterator[CheckFailure]:
    for place, each in enumerate(wanted):
        part, text = answer.beside(each)
        fold = str.casefold if answer.exact or is_about_typography(each) else folded
        if fold(part) in fold(text):
            continue
        alike = find_alike(part, text)
        at, note = (alike[0], name_difference(fold(part), fold(alike[1]))) if alike else (0, "")
        problem = f"expected to contain {excerpt(part)} in any case, found {excerpt(text, at)}{note}"
        hint = "icontains ignores case and is otherwise literal; contains_any takes several wordings"
        yield CheckFailure(problem, hint, Slug.EXPECT_ICONTAINS, f"expect.icontains[{place}]")


def _contains_any(wanted: tuple[str, ...], answer: AnswerText) -> Iterator[CheckFailure]:
    pairs = [answer.beside(part) for part in wanted]
    if wanted and not any(part in text for part, text in pairs):
        notes = [name_difference(part, alike[1]) for part, text in pairs if (alike := find_alike(part, text))]
        listed = ", ".join(excerpt(part) for part, _ in pairs[:5]) + (", ..." if len(pairs) > 5 else "")
        problem = f"expected to contain one of {listed}, found {excerpt(answer.plain)}{''.join(notes[:1])}"
        hint = "contains_any is case-sensitive and literal; add the wording of the answer if it is right"
        yield CheckFailure(problem, hint, Slug.EXPECT_CONTAINS_ANY, "expect.contains_any")


def _not_contains(unwanted: tuple[str, ...], answer: AnswerText) -> Iterator[CheckFailure]:
    for place, each in enumerate(unwanted):
        part, text = answer.beside(each)
        if (at := text.find(part)) >= 0:
            hint = "not_contains is case-sensitive and literal, also inside words; a regex can match whole words only"
            problem = f"expected not to contain {excerpt(part)}, found {excerpt(text, at)}"
            yield CheckFailure(problem, hint, Slug.EXPECT_NOT_CONTAINS, f"expect.not_contains[{place}]")


def _starts_with(wanted: str | None, answer: AnswerText) -> Iterator[CheckFailure]:
    if wanted is None:
        return
    part, text = (side.lstrip() for side in answer.beside(wanted))
    if not text.startswith(part):
        at = first_difference_at(part, text)
        note = name_difference(part, text[: len(part)])
        problem = f"expected to start with {excerpt(part, at)}, found {excerpt(text, at)}{note}"
        hint = (
            "starts_with is case-sensitive and ignores white space before the answer; a regex with (?i)^ takes any case"
        )
        yield CheckFailure(problem, hint, Slug.EXPECT_STARTS_WITH, "expect.starts_with")


def _patterns(wanted: tuple[str, ...], answer: AnswerText) -> Iterator[CheckFailure]:
    for place, expression in enumerate(wanted):
        if not answer.search(expression):
            hint = "it is searched anywhere in the answer, case-sensitive; (?i) ignores case, (?s) lets . span lines"
            problem = f"expected to match {excerpt(expression)}, found {excerpt(answer.plain)}"
            yield CheckFailure(problem, hint, Slug.EXPECT_REGEX, f"expect.regex[{place}]")


def _unwanted_patterns(unwanted: tuple[str, ...], answer: AnswerText) -> Iterator[CheckFailure]:
    for place, expression in enumerate(unwanted):
        if found := answer.search(expression):
            hint = "it is searched anywhere in the answer, also inside words; \\b marks the edge of a word"
            problem = f"expected not to match {excerpt(expression)}, found {excerpt(found.string, found.start())}"
            yield CheckFailure(problem, hint, Slug.EXPECT_NOT_REGEX, f"expect.not_regex[{place}]")


def _equals(expected: str, answer: AnswerText) -> Iterator[CheckFailure]:
    wanted, text = (side.strip() for side in answer.beside(expected))
    if wanted != text:
        at = first_difference_at(wanted, text)
        problem = f"expected {excerpt(wanted, at)}, found {excerpt(text, at)}{name_difference(wanted, text)}"
        hint = "only white space around the answer is ignored; contains and regex are less strict"
        yield CheckFailure(problem, hint, Slug.EXPECT_EQUALS, "expect.equals")
