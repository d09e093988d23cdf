"""Numbers written in English words: "fifteen", "twenty-five", "two hundred and fifty", "half"."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_TO_NINETEEN = (
    *("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen"),
    *("fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SMALL = dict(zip(_TO_NINETEEN, range(1, 20), strict=True)) | dict(zip(_TENS, range(20, 100, 10), strict=True))
_LARGE = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
# "half of them" and "50% of them" are one number.
_PARTS = {"half": frozenset(("0.5", "50")), "quarter": frozenset(("0.25", "25"))}
# Beside another number these are part of a larger one: "two" and "two hundred" share a word, but are not equal.
COMPOUNDING = frozenset((*_TENS, *_LARGE))
NUMBER_WORDS = frozenset((*_SMALL, *_LARGE, *_PARTS))


class Spelled(NamedTuple):
    """A number in words, with its place in the text and its possible values."""

    values: frozenset[str]
    start: int
    end: int


def spelled(text: str) -> Iterator[Spelled]:
    """Yield the numbers that the text writes in words; words that form no number together are separate numbers."""
    for match in _number_words().finditer(text):
        if text[: match.start()].rstrip()[-1:].isdigit():  # "2 million", "4 hundred": the figures are compared
            continue
        words = [(word[0].lower(), word.start(), word.end()) for word in _word().finditer(text, *match.span())]
        known = [(word, start, end) for word, start, end in words if word in NUMBER_WORDS]
        value = _value([word for word, _, _ in known])
        # IGNORECASE also takes a dotless i for an i; such a word is not in the table.
        if value and len(known) == sum(word != "and" for word, _, _ in words):
            yield Spelled(frozenset((str(value),)), match.start(), match.end())
            continue
        for word, start, end in known:
            yield Spelled(_PARTS.get(word) or frozenset((str(_SMALL.get(word) or _LARGE[word]),)), start, end)


def _value(words: Sequence[str]) -> int:
    """Return the number that the words form together, or 0."""
    total, group, smallest = 0, 0, 1_000_000_000
    for word in words:
        if word in _PARTS:
            return 0
        if word == "hundred" and 0 <= group < 10:
            group, smallest = 100 * (group or 1), 100
        elif word in _LARGE and word != "hundred":
            total, group, smallest = total + _LARGE[word] * (group or 1), 0, _LARGE[word]
        elif word in _SMALL and _SMALL[word] < smallest:  # "two five" are two numbers, "twenty five" is one
            smallest = 10 if _SMALL[word] >= 20 else 1
            group += _SMALL[word]
        else:
            return 0
    return total + group


@cache
def _number_words() -> re.Pattern[str]:
    one = rf"(?:{'|'.join(sorted(NUMBER_WORDS, key=len, reverse=True))})"
    return re.compile(rf"\b{one}\b(?:(?:\s+and\s+|\s+|-){one}\b)*", re.IGNORECASE)


@cache
def _word() -> re.Pattern[str]:
    return re.compile(r"[^\W\d_]+")
