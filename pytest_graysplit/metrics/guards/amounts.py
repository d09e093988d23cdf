"""The guard against a number that changed."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.metrics.guards.reading import FIGURES
from pytest_graysplit.metrics.words import FUNCTION_WORDS, split_words, stem, word_set
from pytest_graysplit.types import Flag

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_graysplit.metrics.guards.reading import Reading

_FROM_ONE = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_SPELLED = {word: str(value) for value, word in enumerate(_FROM_ONE, start=1)}
_SPELLED_WORDS = frozenset(_SPELLED)
# Two tables full of different numbers need no more than this to show one that changed.
_MOST = 50
_SIGNED = re.compile(r"[-−](?<![^\s(].)\d")  # noqa: RUF001 - the second minus is the one that typographers write
_GROUPING = str.maketrans("", "", "'\u2019\u00a0\u202f")
_MARKER_ENDS = frozenset(".)")
_MINUS = frozenset("-−")  # noqa: RUF001 - the second is the one that typographers write
_AFTERNOON_STARTS = frozenset("pP")
_HOURS = frozenset(map(str, range(1, 12)))
_SYMBOLS = {"%": "percent", "€": "eur", "$": "usd", "£": "gbp", "°": "degre"}
_MEASURES = frozenset(
    map(
        stem,
        word_set("second minute hour day week month year mm cm m km inch feet foot mile g kg pound ml litre liter"),
    )
)
_UNITS = {"euro": "eur", "dollar": "usd", "pound": "gbp"}


class Amount(NamedTuple):
    """A number where it stands in a text; "1.000" has two values, for it is read differently in two countries."""

    values: frozenset[str]
    start: int
    end: int


def number_changed(control: Reading, treatment: Reading) -> Flag | None:
    """Flag a number of the control that is another one in the treatment, beside the same word or unit.

    A number that one side merely leaves out, or that counts something else there, is no change.
    """
    if _none_differs(control, treatment):
        return None
    ours, theirs = _amounts(control), _amounts(treatment)
    missing, new = _without(ours, theirs), _without(theirs, ours)
    if not missing or not new:
        return None
    others = [(amount, _beside(treatment.text, amount)) for amount in new[:_MOST]]
    for amount in missing[:_MOST]:
        beside = _beside(control.text, amount)
        for other, other_beside in others:
            if _comparable(beside, other_beside):
                was, now = control.text[amount.start : amount.end], treatment.text[other.start : other.end]
                return Flag(name="number-changed", detail=f"control says {was}, treatment says {now}")
    return None


def _comparable(ours: set[str], theirs: set[str]) -> bool:
    """Tell whether two numbers count the same thing: "14 days" and "two weeks" may be one span."""
    measures = ours & _MEASURES, theirs & _MEASURES
    if all(measures) and measures[0].isdisjoint(measures[1]):
        return False
    return not ours.isdisjoint(theirs) or not (ours or theirs)


def _none_differs(control: Reading, treatment: Reading) -> bool:
    """Tell cheaply, before any number is understood, that one side has no number, or every number of the other."""
    ours = control.figures | (_SPELLED_WORDS & control.words)
    theirs = treatment.figures | (_SPELLED_WORDS & treatment.words)
    if not ours or not theirs:
        return True
    same = ours <= theirs or theirs <= ours
    return same and not (_SIGNED.search(control.text) or _SIGNED.search(treatment.text))


def _without(ours: list[Amount], theirs: list[Amount]) -> list[Amount]:
    known = frozenset().union(*[amount.values for amount in theirs])
    return [amount for amount in ours if known.isdisjoint(amount.values)]


def _amounts(reading: Reading) -> list[Amount]:
    text = reading.text
    found: list[Amount] = []
    if reading.figures:
        for match in FIGURES.finditer(text):
            found += _figures(text, match)
    if not _SPELLED_WORDS.isdisjoint(reading.words):
        spelled = _spelled_word().finditer(text)
        # IGNORECASE also takes a dotless i for an i; such a word is no number that we know.
        known = [(match, value) for match in spelled if (value := _SPELLED.get(match[0].lower()))]
        found += [Amount(frozenset({value}), *match.span()) for match, value in known]
    return found


@cache
def _spelled_word() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(_SPELLED)})\b", re.IGNORECASE)


@cache
def _afternoon() -> re.Pattern[str]:
    return re.compile(r"\s?p\.?m\b", re.IGNORECASE)


def _figures(text: str, match: re.Match[str]) -> list[Amount]:
    (start, end), figures = match.span(), match[0]
    # Four rare forms, each told first by one character, because this runs for every number of every answer.
    if text[end : end + 1] in _MARKER_ENDS and _marks_list_item(text, start, end):
        return []
    before = text[start - 1 : start]
    if figures == "00" and before == ":":  # 9:00 is 9
        return []
    found = [Amount(values, start, end) for values in _values(figures)]
    if text[end : end + 2].lstrip()[:1] in _AFTERNOON_STARTS and _afternoon().match(text, end):
        found = [amount._replace(values=_in_afternoon(amount.values)) for amount in found]
    if before in _MINUS and _SIGNED.match(text, start - 1):
        found = [Amount(frozenset(["-" + value for value in values]), start - 1, end) for values, _, _ in found]
    return found


def _in_afternoon(values: frozenset[str]) -> frozenset[str]:
    return values | {str(int(value) + 12) for value in values if value in _HOURS}


def _marks_list_item(text: str, start: int, end: int) -> bool:
    line = text[text.rfind("\n", 0, start) + 1 : start]
    return not line.strip(" *#>") and text[end + 1 : end + 2].isspace()


@lru_cache(maxsize=1024)
def _values(figures: str) -> tuple[frozenset[str], ...]:
    """Return the numbers written there, each with every value it may have; a date or version has several numbers."""
    figures = figures.translate(_GROUPING)
    if "." in figures and "," in figures:
        decimal = max(".,", key=figures.rfind)
        figures = figures.replace("," if decimal == "." else ".", "").replace(decimal, ".")
        return (frozenset({_plain(figures)}),)
    first, *rest = groups = figures.replace(",", ".").split(".")
    if rest and len(first) <= 3 and all(len(group) == 3 for group in rest):
        return (frozenset({_plain("".join(groups)), _plain(".".join(groups) if len(rest) == 1 else "".join(groups))}),)
    if len(rest) <= 1:
        return (frozenset({_plain(".".join(groups))}),)
    return tuple(frozenset({_plain(group)}) for group in groups)


def _plain(figures: str) -> str:
    whole, _, part = figures.partition(".")
    part = part.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{part}" if part else "")


def _beside(text: str, amount: Amount) -> set[str]:
    """Return the nearest telling words on both sides of the number, units in one spelling."""
    before, after = text[max(0, amount.start - 32) : amount.start], text[amount.end : amount.end + 32]
    beside = {_SYMBOLS[mark] for mark in (before.rstrip()[-1:], after.lstrip()[:1]) if mark in _SYMBOLS}
    for words in (split_words(after), reversed(split_words(before))):
        beside.update(_first_telling(words))
    return beside


def _first_telling(words: Iterable[str]) -> tuple[str, ...]:
    for word in words:
        if word not in FUNCTION_WORDS:
            root = stem(word)
            return (_UNITS.get(root, root),)
    return ()
