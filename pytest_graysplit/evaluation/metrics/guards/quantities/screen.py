"""The cheap test that comes first: most pairs of answers need no reading of quantities."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.metrics.guards.quantities import bounds
from pytest_graysplit.evaluation.metrics.guards.quantities.reading import reader
from pytest_graysplit.evaluation.metrics.guards.quantities.tables import calendar, number_words, units
from pytest_graysplit.evaluation.metrics.guards.quantities.tables.units import CURRENCY_MARKS
from pytest_graysplit.evaluation.metrics.words import word_set

if TYPE_CHECKING:
    from pytest_graysplit.evaluation.metrics.guards.parsed_text import ParsedText

# These are also other words, so they tell nothing ("it's", "I'm", "an", "or"). Where such a unit was replaced, the
# other side has one that tells.
_COMMON = word_set("s t d m a an or ora go me as time mal real try won en e in us c x die mi os one eins uno")
_CHINESE_NUMERALS = frozenset("零〇一二两兩三四五六七八九十百千万萬亿億半")
_MARKS = (*f"%{CURRENCY_MARKS}<>≥≤°½¼¾", "°C", "°F", "° C", "° F", "R$", "C$", "A$")
_SIGNED = re.compile(r"[-−](?<![^\s(].)\d")  # noqa: RUF001 - the second is the typographic minus
_DAY_NAMES = word_set("segunda terça quarta quinta sexta")
_SIGNS = word_set("am pm uhr celsius fahrenheit minus moins menos meno negative")


@cache
def _numbers() -> frozenset[str]:
    """Return the words that stand for a quantity by themselves."""
    vague = units.VAGUE_TIMES | calendar.VAGUE_ORDINALS | calendar.VAGUE_MONTHS - {"march"}
    vague |= calendar.SHORT_WEEKDAYS.keys() | _COMMON
    names = {word for word, kind in reader.vocabulary().items() if kind not in ("part", "unit_word")}
    return frozenset(names) - vague | _CHINESE_NUMERALS


@cache
def _present() -> frozenset[str]:
    """Return the words that make it worth looking whether another differs."""
    return _numbers() | calendar.VAGUE_MONTHS | units.PER | units.VAGUE_TIMES | {"期", "feira", "one"}


@cache
def _telling() -> frozenset[str]:
    """Return the words that change a quantity if one side lacks them."""
    magnitudes = number_words.MAGNITUDES.keys() | units.currency_codes()
    return frozenset(_numbers() | (magnitudes | _SIGNS | _DAY_NAMES) - _COMMON)


@cache
def _units() -> frozenset[str]:
    """Return the words, and the Chinese characters, that change a quantity if they are beside a number."""
    characters = {character for word in units.chinese_units() for character in word}
    return frozenset(units.units()) | characters | units.QUALIFIERS - _COMMON


@lru_cache(maxsize=16)
def may_differ(control: ParsedText, treatment: ParsedText) -> bool:
    """Tell, without reading, whether both sides have quantities and something about them differs."""
    if not (_has_any(control) and _has_any(treatment)):
        return False
    ours, theirs = control.figures, treatment.figures
    if not (ours <= theirs or theirs <= ours):
        return True
    only = control.words ^ treatment.words
    if not _telling().isdisjoint(only) or _marks_differ(control.text, treatment.text):
        return True
    if any(word[0] <= "9" and word not in ours and word not in theirs for word in only):  # "5mg"
        return True
    measures = _units() & only
    if measures and any(_counted(parsed.text, measures & parsed.words) for parsed in (control, treatment)):
        return True
    return _numerals(control) != _numerals(treatment)


def bounds_may_differ(control: ParsedText, treatment: ParsedText) -> bool:
    """Tell, without reading, whether each side has a word or mark of a bound that the other lacks."""
    if not (_has_any(control) and _has_any(treatment)):
        return False
    if not bounds.WORDS.isdisjoint(control.words - treatment.words):
        return not bounds.WORDS.isdisjoint(treatment.words - control.words) or _has_mark(treatment.text)
    return _has_mark(control.text) and not (
        bounds.WORDS.isdisjoint(treatment.words - control.words) and not _has_mark(treatment.text)
    )


def _has_mark(text: str) -> bool:
    return any(mark in text for mark in "<>≤≥+")


def _has_any(parsed: ParsedText) -> bool:
    return bool(parsed.figures) or not _present().isdisjoint(parsed.words)


def _marks_differ(ours: str, theirs: str) -> bool:
    for mark in _MARKS:
        if (mark in ours) != (mark in theirs):
            return True
    return ("-" in ours or "-" in theirs or "−" in ours or "−" in theirs) and (  # noqa: RUF001
        bool(_SIGNED.search(ours)) != bool(_SIGNED.search(theirs))
    )


def _counted(text: str, measures: frozenset[str]) -> bool:
    """Tell whether one of the units is beside a number or after "per"; "last week" is not a quantity."""
    if not text.isascii() and any(unit > "\u3400" for unit in measures):
        return True
    low = text.lower()
    for unit in measures:
        place, seen = low.find(unit), 0
        while place >= 0 and seen < 20:
            before = low[max(0, place - 16) : place].split()
            if before and _counts(before[-1]):
                return True
            place, seen = low.find(unit, place + 1), seen + 1
    return False


def _counts(word: str) -> bool:
    word = word.rstrip("-").rpartition("-")[2]
    return word[-1:].isdigit() or word in units.PER or word in units.QUALIFIERS or word in (
        "a", "an", "al", "half"
    ) or word in reader.vocabulary() or word in number_words.ARTICLES  # fmt: skip


def _numerals(parsed: ParsedText) -> list[str]:
    """Return the Chinese numerals in their order: "三十" and "十三" have the same characters."""
    if _CHINESE_NUMERALS.isdisjoint(parsed.words):
        return []
    return [character for character in parsed.text if character in _CHINESE_NUMERALS]
