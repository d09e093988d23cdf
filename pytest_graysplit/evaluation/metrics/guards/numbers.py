"""The guard against a number that changed."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.evaluation.metrics.guards.number_words import COMPOUNDING, NUMBER_WORDS, spelled
from pytest_graysplit.evaluation.metrics.guards.parsed_text import FIGURES
from pytest_graysplit.evaluation.metrics.words import FUNCTION_WORDS, split_words, stem, word_set
from pytest_graysplit.types import Flag

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_graysplit.evaluation.metrics.guards.parsed_text import ParsedText

# Two tables full of different numbers show a changed one within this many.
_MOST = 50
_SIGNED = re.compile(r"[-−](?<![^\s(].)\d")  # noqa: RUF001 - the second is the typographic minus
_GROUPING = str.maketrans("", "", "'\u2019\u00a0\u202f")
_MARKER_ENDS = frozenset(".)")
_MINUS = frozenset("-−")  # noqa: RUF001 - the second is the typographic dash
_HALF_STARTS = frozenset("aApP:")
_HALVES = frozenset(("am", "pm"))
_HOURS = frozenset(map(str, range(1, 13)))
_SYMBOLS = {"%": "percent", "€": "eur", "$": "usd", "£": "gbp", "°": "degre"}
_MEASURES = frozenset(
    map(
        stem,
        word_set("second minute hour day week month year mm cm m km inch feet foot mile g kg pound ml litre liter"),
    )
)
_UNITS = {"euro": "eur", "dollar": "usd", "pound": "gbp"}


class Amount(NamedTuple):
    """A number in a text with its possible values: "1.000" has two, since countries read it differently."""

    values: frozenset[str]
    start: int
    end: int


def number_changed(control: ParsedText, treatment: ParsedText) -> Flag | None:
    """Flag a number of the control that differs in the treatment, beside the same word or unit.

    A number that one side leaves out, or that counts something else there, has not changed.
    """
    if _none_differs(control, treatment):
        return None
    ours, theirs = amounts_in(control), amounts_in(treatment)
    missing, new = _without(ours, theirs), _without(theirs, ours)
    if not missing or not new:
        return None
    others = [(amount, neighbouring_units(treatment.text, amount)) for amount in new[:_MOST]]
    for amount in missing[:_MOST]:
        around = neighbouring_units(control.text, amount)
        for other, around_other in others:
            if _comparable(around, around_other):
                was, now = written(control.text, amount), written(treatment.text, other)
                return Flag(name="number-changed", detail=f"control says {was}, treatment says {now}")
    return None


def written(text: str, amount: Amount) -> str:
    """Return the number as the text writes it; an hour includes its half of the day."""
    half = _half_of_day().match(text, amount.end)
    return text[amount.start : half.end() if half else amount.end]


def _comparable(ours: set[str], theirs: set[str]) -> bool:
    """Tell whether two numbers count the same thing: "14 days" and "two weeks" may be one span."""
    measures = ours & _MEASURES, theirs & _MEASURES
    if all(measures) and measures[0].isdisjoint(measures[1]):
        return False
    return not ours.isdisjoint(theirs) or not (ours or theirs)


def _none_differs(control: ParsedText, treatment: ParsedText) -> bool:
    """Tell, without parsing, that one side has no number, or has every number of the other."""
    ours = control.figures | (NUMBER_WORDS & control.words)
    theirs = treatment.figures | (NUMBER_WORDS & treatment.words)
    if not ours or not theirs:
        return True
    same = (ours <= theirs or theirs <= ours) and COMPOUNDING.isdisjoint(ours ^ theirs)
    same = same and _HALVES.isdisjoint(control.words ^ treatment.words)
    return same and not (_SIGNED.search(control.text) or _SIGNED.search(treatment.text))


def _without(ours: list[Amount], theirs: list[Amount]) -> list[Amount]:
    known = frozenset().union(*[amount.values for amount in theirs])
    return [amount for amount in ours if known.isdisjoint(amount.values)]


def amounts_in(parsed: ParsedText) -> list[Amount]:
    """Return the numbers of the text, in figures and in words."""
    text = parsed.text
    found: list[Amount] = []
    if parsed.figures:
        for match in FIGURES.finditer(text):
            found += _figures(text, match)
    if not NUMBER_WORDS.isdisjoint(parsed.words):
        found += [Amount(*number) for number in spelled(text)]
    return found


@cache
def _half_of_day() -> re.Pattern[str]:
    return re.compile(r"(?::\d\d)?\s?([ap])\.?m\b", re.IGNORECASE)


def _figures(text: str, match: re.Match[str]) -> list[Amount]:
    (start, end), figures = match.span(), match[0]
    # Each of these four rare forms is tested by one character first, because this runs for every number of every
    # answer.
    if text[end : end + 1] in _MARKER_ENDS and _marks_list_item(text, start, end):
        return []
    before = text[start - 1 : start]
    if figures == "00" and before == ":":  # 9:00 is 9
        return []
    found = [Amount(values, start, end) for values in _values(figures)]
    if text[end : end + 2].lstrip()[:1] in _HALF_STARTS and (half := _half_of_day().match(text, end)):
        found = [amount._replace(values=_in_half(amount.values, half[1].lower())) for amount in found]
    if before in _MINUS and _SIGNED.match(text, start - 1):
        found = [Amount(frozenset(["-" + value for value in values]), start - 1, end) for values, _, _ in found]
    return found


def _in_half(values: frozenset[str], half: str) -> frozenset[str]:
    """Return the hour in this half of the day, and its 24-hour form."""
    hours = values & _HOURS
    later = 12 if half == "p" else 0
    return frozenset(text for hour in hours for text in (f"{hour}{half}", f"{int(hour) % 12 + later}")) or values


def _marks_list_item(text: str, start: int, end: int) -> bool:
    line = text[text.rfind("\n", 0, start) + 1 : start]
    return not line.strip(" *#>") and text[end + 1 : end + 2].isspace()


@lru_cache(maxsize=1024)
def _values(figures: str) -> tuple[frozenset[str], ...]:
    """Return the numbers written there, each with all its possible values; a date or version has several numbers."""
    figures = figures.translate(_GROUPING)
    if "." in figures and "," in figures:
        decimal = max(".,", key=figures.rfind)
        figures = figures.replace("," if decimal == "." else ".", "").replace(decimal, ".")
        return (frozenset({_plain(figures)}),)
    first, *rest = groups = figures.replace(",", ".").split(".")
    if rest and len(first) <= 3 and all(len(group) == 3 for group in rest):
        return (frozenset({_plain("".join(groups)), _plain(".".join(groups) if len(rest) == 1 else "".join(groups))}),)
    if len(rest) <= 1:
        value = _plain(".".join(groups))
        # Without "am" or "pm" an hour may be in either half of the day.
        return (frozenset((value, f"{value}a", f"{value}p") if value in _HOURS else (value,)),)
    return tuple(frozenset({_plain(group)}) for group in groups)


def _plain(figures: str) -> str:
    whole, _, part = figures.partition(".")
    part = part.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{part}" if part else "")


def neighbouring_units(text: str, amount: Amount) -> set[str]:
    """Return the nearest content words on both sides of the number, with units in one spelling."""
    before, after = text[max(0, amount.start - 32) : amount.start], text[amount.end : amount.end + 32]
    found = {_SYMBOLS[mark] for mark in (before.rstrip()[-1:], after.lstrip()[:1]) if mark in _SYMBOLS}
    for words in (split_words(after), reversed(split_words(before))):
        found.update(_first_telling(words))
    return found


def _first_telling(words: Iterable[str]) -> tuple[str, ...]:
    for word in words:
        if word not in FUNCTION_WORDS:
            root = stem(word)
            return (_UNITS.get(root, root),)
    return ()
