"""Texts with one number changed, in figures or in words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from zlib import crc32

from pytest_graysplit.evaluation.mutations.mutant import Change

if TYPE_CHECKING:
    from collections.abc import Iterator

# Different numbers of one text that are changed, each in a mutant of its own.
MOST_NUMBERS = 3

# A letter makes a name of the digits beside it: x2, 3D, 1st. Chinese writes its units there, so only Latin ones count.
_LETTER = r"A-Za-z_\u00c0-\u024f"
_FIGURE = re.compile(rf"(?<![{_LETTER}\d])\d++(?:[.,'\u2019]\d++)*+(?![{_LETTER}])")
# The number of a list item, a step or a heading says nothing about the matter.
_NUMBERED = "step|option|part|section|chapter|figure|table|question|schritt|teil|abschnitt|frage"
_COUNTER = re.compile(
    rf"^[\s>*_#\-\"(]*(?:(?:{_NUMBERED})\s+(?=\d)|(?=\d+[.)][ \t*_]+\S))(?P<number>\d+)",
    re.IGNORECASE | re.MULTILINE,
)
_ENGLISH = "two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty sixty"
_GERMAN = "zwei drei vier fünf sechs sieben acht neun zehn elf zwölf zwanzig dreißig vierzig fünfzig sechzig"
_WORDS = (tuple(_ENGLISH.split()), tuple(_GERMAN.split()))
_WORD = re.compile(rf"\b(?:{'|'.join(word for words in _WORDS for word in words)})\b", re.IGNORECASE)


def with_other_numbers(text: str) -> Iterator[Change]:
    """Yield the text with one of its numbers changed wherever it occurs; each of the first numbers once.

    The new number has as many digits, and differs in the first one that is not zero.

    >>> [change.text for change in with_other_numbers("Within 30 days, 4.90 EUR.")]
    ['Within 50 days, 4.90 EUR.', 'Within 30 days, 8.90 EUR.']
    """
    counters = {found.start("number") for found in _COUNTER.finditer(text)}
    figures = [found for found in _FIGURE.finditer(text) if found.start() not in counters]
    words = list(_WORD.finditer(text))
    found = sorted([*figures, *words], key=re.Match.start)
    taken = {one[0].lower() for one in found}
    for number in list(dict.fromkeys(one[0].lower() for one in found if _has_value(one[0])))[:MOST_NUMBERS]:
        places = [one.span() for one in found if one[0].lower() == number]
        new = _other(number, taken)
        yield Change(_replaced(text, places, new), f"{number} → {new}")


def other_number(digits: str) -> str:
    """Return a number written in the same way, with another value."""
    return _other(digits, {digits})


def _has_value(number: str) -> bool:
    """Tell whether this is not a number of zeros alone, such as the minutes of 9:00."""
    return number.strip("0.,'\u2019") != "" or number == "0"


def _other(number: str, taken: set[str]) -> str:
    """Return another number that does not occur in the text already, if there is one."""
    first = crc32(number.encode()) % 8
    options = _other_words(number) if number[0].isalpha() else _other_figures(number)
    ordered = [options[(first + step) % len(options)] for step in range(len(options))]
    return next((option for option in ordered if option not in taken), ordered[0])


def _other_words(number: str) -> list[str]:
    words = next(words for words in _WORDS if number in words)
    small = words[: words.index(words[11])]
    group = small if number in small else words[len(small) :]
    return [word for word in group if word != number]


def _other_figures(number: str) -> list[str]:
    place = next((place for place, digit in enumerate(number) if digit in "123456789"), len(number) - 1)
    return [f"{number[:place]}{digit}{number[place + 1 :]}" for digit in "123456789" if digit != number[place]]


def _replaced(text: str, places: list[tuple[int, int]], new: str) -> str:
    pieces, at = [], 0
    for begin, end in places:
        pieces += [text[at:begin], _in_case_of(text[begin:end], new)]
        at = end
    return "".join([*pieces, text[at:]])


def _in_case_of(old: str, new: str) -> str:
    return new.capitalize() if old[:1].isupper() else new
