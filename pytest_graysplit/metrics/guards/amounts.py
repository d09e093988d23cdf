"""The guard against a number that changed."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.metrics.words import FUNCTION_WORDS, split_words, stem, word_set
from pytest_graysplit.types import Flag

if TYPE_CHECKING:
    from pytest_graysplit.metrics.guards.reading import Reading

_SPELLED_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_SPELLED = {word: str(value) for value, word in enumerate(_SPELLED_WORDS, start=1)}
_SPELLED_WORD = re.compile(rf"\b(?:{'|'.join(_SPELLED)})\b", re.IGNORECASE)
# Two tables full of different numbers need no more than this to show one that changed.
_MOST = 50
_FIGURES = re.compile(r"\d+(?:[.,'\u2019\u00a0\u202f]\d+)*")
_SIGNED = re.compile(r"[-−](?<![^\s(].)\d")  # noqa: RUF001 - the second minus is the one that typographers write
_GROUPING = str.maketrans("", "", "'\u2019\u00a0\u202f")
_MARKER_ENDS = frozenset(".)")
_MINUS = frozenset("-−")  # noqa: RUF001 - the second is the one that typographers write
_HOURS = frozenset(map(str, range(1, 12)))
_AFTERNOON = re.compile(r"\s?p\.?m\b", re.IGNORECASE)
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
    if _one_has_all(control, treatment):
        return None
    ours, theirs = _amounts(control), _amounts(treatment)
    missing, new = _without(ours, theirs), _without(theirs, ours)
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


def _one_has_all(control: Reading, treatment: Reading) -> bool:
    """Tell cheaply, before any number is understood, that one side has every number of the other."""
    if _SIGNED.search(control.text) or _SIGNED.search(treatment.text):
        return False
    ours, theirs = set(_FIGURES.findall(control.text)), set(_FIGURES.findall(treatment.text))
    ours |= _SPELLED.keys() & control.words
    theirs |= _SPELLED.keys() & treatment.words
    return ours <= theirs or theirs <= ours


def _without(ours: list[Amount], theirs: list[Amount]) -> list[Amount]:
    known = frozenset().union(*[amount.values for amount in theirs])
    return [amount for amount in ours if known.isdisjoint(amount.values)]


def _amounts(reading: Reading) -> list[Amount]:
    text = reading.text
    found = [amount for match in _FIGURES.finditer(text) for amount in _figures(text, match)]
    if not _SPELLED.keys().isdisjoint(reading.words):
        spelled = _SPELLED_WORD.finditer(text)
        found += [Amount(frozenset({_SPELLED[match[0].lower()]}), *match.span()) for match in spelled]
    return found


def _figures(text: str, match: re.Match[str]) -> list[Amount]:
    (start, end), figures = match.span(), match[0]
    # Four rare forms, each told first by one character, because this runs for every number of every answer.
    if text[end : end + 1] in _MARKER_ENDS and _marks_list_item(text, start, end):
        return []
    before = text[start - 1 : start]
    if figures == "00" and before == ":":  # 9:00 is 9
        return []
    sign = "-" if before in _MINUS and _SIGNED.match(text, start - 1) else ""
    afternoon = text[end : end + 2].lstrip()[:1] in "pP" and _AFTERNOON.match(text, end)
    found = []
    for values in _values(figures):
        if afternoon:
            values |= {str(int(value) + 12) for value in values if value in _HOURS}
        found.append(Amount(frozenset(sign + value for value in values), start - len(sign), end))
    return found


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
    for words in (split_words(after), split_words(before)[::-1]):
        telling = [stem(word) for word in words if word not in FUNCTION_WORDS]
        beside.update(_UNITS.get(word, word) for word in telling[:1])
    return beside
