"""Reading of figures: codes, dates, times of day, versions, and numbers with their signs, magnitudes and units."""

from __future__ import annotations

import re
from functools import cache

from pytest_graysplit.evaluation.metrics.guards.quantities.identifiers import code_at
from pytest_graysplit.evaluation.metrics.guards.quantities.reading import dates
from pytest_graysplit.evaluation.metrics.guards.quantities.reading.beside import (
    currency_before,
    magnitude_after,
    sign_before,
    unit_after,
)
from pytest_graysplit.evaluation.metrics.guards.quantities.reading.languages import languages_of
from pytest_graysplit.evaluation.metrics.guards.quantities.reading.measures import measured
from pytest_graysplit.evaluation.metrics.guards.quantities.reading.numerals import number, values
from pytest_graysplit.evaluation.metrics.guards.quantities.reading.quantity import (
    CLOCK,
    DATE,
    ORDINAL,
    VERSION,
    Quantity,
    simple,
)
from pytest_graysplit.evaluation.metrics.guards.quantities.tables import calendar, units
from pytest_graysplit.evaluation.metrics.words import word_set

_MARKER_ENDS = frozenset(".)")
_JOINING = frozenset("-/_+(")
_JOINED = frozenset("- ./")
_DATE_MARKS = frozenset("-/年月")
_HOUR_STARTS = frozenset(":hHaApPuUoO点點时")
_HALF_WORDS = word_set("half halb halbe halben demi demie media medio mezza mezzo meia meio halve")
_HOUR_WORDS = word_set("las alle ore às")
_MOST_IN_ONE = 20
_CLOCK, _DATE, _VERSION = (frozenset((kind,)) for kind in (CLOCK, DATE, VERSION))


class FigureReader:
    """A reader of the figures of one text; every method returns the place where the next reading may begin."""

    def __init__(self, text: str, words: frozenset[str]) -> None:
        self.text = text
        self.low = low if len(low := text.lower()) == len(text) else text
        self.words = words
        self.found: list[Quantity] = []
        self._has_month = not words.isdisjoint(_month_names())
        self._has_half = not words.isdisjoint(_HALF_WORDS)
        self._has_hour = not words.isdisjoint(_HOUR_WORDS)

    def languages(self) -> frozenset[str]:
        """Return the languages that the text may have; few words depend on them."""
        return languages_of(self.words)

    def last(self) -> Quantity | None:
        """Return the quantity that was found last."""
        return self.found[-1] if self.found else None

    def add(self, one: Quantity) -> int:
        """Add a quantity, and return its end."""
        self.found.append(one)
        return one.end

    def figure(self, start: int, end: int) -> int:
        """Read the figures at this place."""
        text, written = self.text, self.text[start:end]
        if text[end : end + 1] in _MARKER_ENDS and marks_list_item(text, start, end):
            return end + 1
        if "." in written and (version := _version(text, start, written)):
            return self._add_version(version, written, start, end)
        if self._may_be_date(start, end, written) and (date := dates.date_at(text, start)) and date.end >= end:
            return self._add_date(date)
        if self._may_be_code(start, end) and (code := code_at(text, start, end)):
            return self.add(simple(code.kind, code.key, code.start, code.end))
        return self._hour(written, start, end) or self._number(written, start, end)

    def _hour(self, written: str, start: int, end: int) -> int:
        """Read a time of day or an ordinal, and return its end, or 0."""
        text = self.text
        may_be_hour = self._has_hour or text[end : end + 2].lstrip()[:1] in _HOUR_STARTS
        if may_be_hour and (clock := dates.clock_at(text, start)):
            bare = frozenset((float(_leading_digits(written)),))
            return self.add(Quantity(_CLOCK, clock.keys, bare, start, clock.end, clock.end))
        if written.isdigit() and (suffix := _ordinal_ending().match(text, end)):
            return self.add(simple(ORDINAL, float(written), start, suffix.end(), is_number=True))
        return 0

    def _may_be_date(self, start: int, end: int, written: str) -> bool:
        before, after = self.text[start - 1 : start], self.text[end : end + 1]
        if before and before in _JOINING:
            return False
        return after in _DATE_MARKS or self._has_month or (after == "." and "." in written) or written.count(".") == 2

    def _may_be_code(self, start: int, end: int) -> bool:
        before, after, following = self.text[start - 1 : start], self.text[end : end + 1], self.text[end + 1 : end + 2]
        return (
            before.isalpha()
            or (bool(before) and before in _JOINING)
            or (after in _JOINED and following.isdigit())
            or (following.isalnum() and (after == "-" or after.isalpha()))
            or (self.text[start] == "0" and end - start > 1)
        )

    def _add_version(self, version: str, written: str, start: int, end: int) -> int:
        raw = frozenset((version, *(one for many in values(written)[:1] for one in many)))
        return self.add(Quantity(_VERSION, frozenset(((VERSION, version),)), raw, start, end, end))

    def _add_date(self, date: dates.Found) -> int:
        raw = frozenset(float(part) for day in date.days for part in day if part)
        # The month's name before the figures was read alone already.
        while self.found and self.found[-1].start >= date.start:
            self.found.pop()
        return self.add(Quantity(_DATE, frozenset(), raw, date.start, date.end, date.end, days=date.days))

    def _number(self, written: str, start: int, end: int) -> int:
        several = values(written)
        if len(several) > 1:  # "3,4,5"
            self.found += [measured(one, (), start, end, end) for one in several[:_MOST_IN_ONE]]
            return end
        mixed = _mixed_fraction().match(self.text, start) if "/" in self.text[end : end + 5] else None
        if mixed and mixed["below"].strip("0"):
            value = number(float(mixed["whole"] or 0) + float(mixed["above"]) / float(mixed["below"]))
            return self.measure(frozenset((value,)), start, mixed.end())
        return self.measure(several[0], start, end)

    def measure(self, possible: frozenset[float | str], start: int, end: int) -> int:
        """Add a number with its sign, magnitude, halves and unit."""
        text = self.text
        if (minus := sign_before(text, start)) >= 0:
            possible, start = _changed(possible, times=-1.0), minus
        currency = currency_before(text, start)
        factor, number_end = magnitude_after(text, end, self.languages, is_money=bool(currency))
        if self._has_half and (half := _and_a_half().match(text, number_end)):
            possible, number_end = _changed(possible, plus=0.5), half.end()
        if factor != 1.0:
            possible = _changed(possible, times=factor)
        unit, end = unit_after(text, number_end, self.languages), number_end
        if currency and not (unit and unit.units[0].kind == units.MONEY):
            unit, start = currency, min(currency.place, start)
        elif unit:
            end = unit.place
            if self._has_half and (half := _and_half_a_unit().match(text, end)):
                possible, end = _changed(possible, plus=0.5), half.end()
        found, is_working = (unit.units, unit.is_working) if unit else ((), False)
        return self.add(measured(possible, found, start, end, number_end, is_working=is_working))


def _changed(possible: frozenset[float | str], *, times: float = 1.0, plus: float = 0.0) -> frozenset[float | str]:
    return frozenset(f"-{one}" if isinstance(one, str) else number(one * times + plus) for one in possible)


def marks_list_item(text: str, start: int, end: int) -> bool:
    """Tell whether the figures number an item of a list."""
    before = text[max(0, start - 16) : start].rstrip(" *#>(")
    return ((not before and start <= 16) or before[-1:] == "\n") and text[end + 1 : end + 2].isspace()


def _version(text: str, start: int, written: str) -> str:
    """Return the parts of a version, which is not a decimal number: 3.10 is newer than 3.1."""
    if "," in written or " " in written or "'" in written:
        return ""
    match = _version_word().search(text[max(0, start - 24) : start])
    if match and (match["known"] or match["chinese"] or not _sentence_begins(text, start - len(match[0]))):
        return "" if currency_before(text, start) or _year().search(written) else written
    return (
        written if written.count(".") >= 2 and len(values(written)) > 1 and not _date_like().fullmatch(written) else ""
    )


def _sentence_begins(text: str, place: int) -> bool:
    before = text[max(0, place - 2) : place].rstrip(" ")
    return not before or before[-1] in ".!?\n:"


def _leading_digits(written: str) -> str:
    return written[: next((place for place, mark in enumerate(written) if not mark.isdigit()), len(written))]


@cache
def _month_names() -> frozenset[str]:
    return frozenset(calendar.months())


@cache
def _mixed_fraction() -> re.Pattern[str]:
    return re.compile(r"(?:(?P<whole>\d{1,3})\s{1,2})?(?P<above>\d{1,2})/(?P<below>\d{1,2})(?![\d/])")


@cache
def _and_a_half() -> re.Pattern[str]:
    return re.compile(r" (?:and a half|und eine?r? halb\w*|et demie?|y medi[oa]|e mezz[oa]|e mei[oa]|en een halve?)\b",
                      re.IGNORECASE)  # fmt: skip


@cache
def _and_half_a_unit() -> re.Pattern[str]:
    return re.compile(r" (?:and a half|et demie?|y medi[oa]|e mezz[oa]|e mei[oa])\b", re.IGNORECASE)


@cache
def _year() -> re.Pattern[str]:
    return re.compile(r"\.(?:19|20)\d\d$")


@cache
def _date_like() -> re.Pattern[str]:
    return re.compile(r"\d{1,2}\.\d{1,2}\.(?:\d\d|\d{4})|\d{4}\.\d{1,2}\.\d{1,2}")


@cache
def _ordinal_ending() -> re.Pattern[str]:
    return re.compile(r"(?:st|nd|rd|th|ème|[ºª])(?![^\W_])")


@cache
def _version_word() -> re.Pattern[str]:
    known = (
        "version|versions|release|v|python|node|java|section|chapter|kapitel|abschnitt|firmware|php|versión|versione"
    )
    return re.compile(
        rf"(?:(?<![^\W\d_])(?P<known>(?i:{known}|versão|versie))[ .:]{{0,2}}|(?P<chinese>版本)[ 号:]{{0,2}}"
        r"|(?<![^\W\d_])[A-Z][A-Za-z]+ )$"
    )
