"""Dates and times of day at a place of a text, by value: "12 March 2026", "2026-03-12", "9:30 pm", "21.30 Uhr"."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.evaluation.metrics.guards.quantities.reading.quantity import Day, Key
from pytest_graysplit.evaluation.metrics.guards.quantities.tables.calendar import VAGUE_MONTHS, long_months, months
from pytest_graysplit.evaluation.metrics.guards.quantities.tables.units import units

if TYPE_CHECKING:
    from collections.abc import Sequence


class Found(NamedTuple):
    """The dates or the keys of a time of day that were found, and their end."""

    end: int
    start: int
    days: tuple[Day, ...] = ()
    keys: frozenset[Key] = frozenset()


def date_at(text: str, start: int) -> Found | None:
    """Return the date that begins with the figures there, or that has a month's name before them."""
    if match := _year_first().match(text, start):
        return _found(match, [(int(match["y"]), int(match["m"]), int(match["d"]))])
    if match := _day_first().match(text, start):
        return _numeric_date(match)
    if match := _chinese().match(text, start):
        year, month, day = (int(part) if part else None for part in match.group("y", "m", "d"))
        return Found(match.end(), start, (Day(year, month, day),))
    if (match := _day_month().match(text, start)) and (found := _named_month(match)):
        return found
    before = _month_before().search(text[max(0, start - 16) : start])
    if before and (month := _month(before[1])):
        return _month_first(text, start, start - len(before[0]) + before.start(1) - before.start(), month)
    return None


def month_alone(text: str, start: int, end: int) -> Day | None:
    """Return the month that the word names without a number beside it."""
    word = text[start:end]
    low = word.lower()
    month = months().get(low)
    if not month or len(low) < 3 or (not word[0].isupper() and low in VAGUE_MONTHS):
        return None
    if low in VAGUE_MONTHS and not _in_month().search(text[max(0, start - 14) : start]):
        return None
    return Day(month=month) if low in long_months() else None


def _numeric_date(match: re.Match[str]) -> Found | None:
    first, second, year = int(match["a"]), int(match["b"]), match["y"]
    if not year:  # "12.03." before another word is a date, "12.3" a number
        return _found(match, [(None, second, first)]) if match["mark"] == "." else None
    whole = int(year) + (2000 if len(year) == 2 else 0)
    orders = [(whole, second, first), (whole, first, second)]
    # A date with points has the day first. With slashes or hyphens this depends on the country.
    return _found(match, orders[:1] if match["mark"] == "." and second <= 12 else orders)


def _found(match: re.Match[str], orders: Sequence[tuple[int | None, int, int]]) -> Found | None:
    days = tuple(Day(*parts) for parts in orders if 1 <= parts[1] <= 12 and 1 <= parts[2] <= 31)
    return Found(match.end(), match.start(), days) if days else None


def _named_month(match: re.Match[str]) -> Found | None:
    month, day = _month(match["month"]), int(match["day"])
    if not month or not 1 <= day <= 31:
        return None
    year = int(match["year"]) if match["year"] else None
    return Found(match.end() if year else match.end("month"), match.start(), (Day(year, month, day),))


def _is_name(word: str) -> bool:
    return word[0].isupper() or word in ("mars", "mai", "mei", "maio", "marzo")


def _month_first(text: str, start: int, begin: int, month: int) -> Found | None:
    match = _after_month().match(text, start)
    if match is None:
        return None
    if match["only_year"]:
        return Found(match.end(), begin, (Day(int(match["only_year"]), month),))
    year = int(match["year"]) if match["year"] else None
    return Found(match.end(), begin, (Day(year, month, int(match["day"])),)) if 1 <= int(match["day"]) <= 31 else None


def _month(word: str) -> int:
    low = word.lower()
    return months().get(low, 0) if low not in VAGUE_MONTHS or _is_name(word) else 0


def clock_at(text: str, start: int) -> Found | None:
    """Return the time of day that begins with the figures there."""
    match = _clock().match(text, start)
    if match is None:
        return None
    named = match["half"] or match["suffix"] or match["zh"]
    mark = text[match.end("h")] if match["m"] else ""
    if not (named or mark in (":", "h", "H") or _hour_word_before(text, start, match)):
        return None
    if (
        not (named or mark or match["hours"])
        and (word := _next_word().match(text, match.end()))
        and (word[1].lower() in units())
    ):  # "alle 4 Stunden"
        return None
    hour = int(match["h"])
    minute = 30 if match["zh_half"] else int(match["m"] or match["m2"] or match["m3"] or 0)
    if hour > 24 or minute > 59:
        return None
    return Found(match.end(), start, keys=clock_keys(hour, minute, _half(match, text)))


def _half(match: re.Match[str], text: str) -> str:
    if match["half"]:
        return match["half"].lower()
    before, after = text[max(0, match.start() - 4) : match.start()], text[match.end() : match.end() + 24].lower()
    if before.strip().endswith(("下午", "晚上", "傍晚")) or _evening().match(after):
        return "p"
    return "a" if before.strip().endswith(("上午", "早上", "凌晨")) or match["suffix"] or match["zh"] else ""


def _hour_word_before(text: str, start: int, match: re.Match[str]) -> bool:
    """Tell whether a word before the figures says that they are an hour, as in "a las 9" and "à 9 heures"."""
    word = _at_hour().search(text[max(0, start - 14) : start].lower())
    return bool(word and (match["hours"] or word[1] in ("las", "alle", "ore", "às")))


def clock_keys(hour: int, minute: int, half: str) -> frozenset[Key]:
    """Return the keys of a time of day. Without "am" or "pm" an hour may be in either half of the day."""
    if half:
        hour = hour % 12 + (12 if half == "p" else 0) if hour <= 12 else hour
        keys: set[Key] = {("clock", float(hour * 60 + minute)), (half, float(hour % 12 * 60 + minute))}
        return frozenset(keys)
    keys = {("clock", float(hour % 24 * 60 + minute))}
    if 1 <= hour <= 12:
        keys |= {(each, float(hour % 12 * 60 + minute)) for each in "ap"}
    return frozenset(keys)


@cache
def _year_first() -> re.Pattern[str]:
    return re.compile(r"(?P<y>\d{4})(?P<mark>[-/.])(?P<m>\d{1,2})(?P=mark)(?P<d>\d{1,2})(?:T[\d:.]+Z?)?(?!\d)")


@cache
def _day_first() -> re.Pattern[str]:
    return re.compile(r"(?P<a>\d{1,2})(?P<mark>[-/.])(?P<b>\d{1,2})(?P=mark)(?P<y>(?:\d{4}|\d\d)(?!\d)|(?=\s[^\W\d]))")


@cache
def _chinese() -> re.Pattern[str]:
    return re.compile(r"(?:(?P<y>\d{4})年)?(?P<m>\d{1,2})月(?:(?P<d>\d{1,2})[日号號])?")


@cache
def _day_month() -> re.Pattern[str]:
    return re.compile(
        r"(?P<day>\d{1,2})(?:\.|st|nd|rd|th|er|o|a|°)?[ -]?(?:of |de |di |del |d')?(?P<month>[^\W\d_]{3,10})\.?"
        r"(?:,?[ -](?:de |del |do |of )?(?P<year>\d{4})(?!\d))?",
        re.IGNORECASE,
    )


@cache
def _month_before() -> re.Pattern[str]:
    return re.compile(r"\b([^\W\d_]{3,10})\.?,?\s(?:de\s|del\s|the\s)?$")


@cache
def _after_month() -> re.Pattern[str]:
    return re.compile(
        r"(?P<only_year>(?:19|20)\d\d)(?!\d)|(?P<day>\d{1,2})(?![\d:])(?:st|nd|rd|th)?(?:,?\s(?P<year>(?:19"
        r"|20)\d\d)(?!\d))?"
    )


@cache
def _in_month() -> re.Pattern[str]:
    return re.compile(
        r"\b(?:in|by|until|since|from|of|last|next|this|early|mid|late|im|bis|seit|ab|en|de|a|em|vanaf|tot|to|and"
        r"|through)[ -]$",
        re.IGNORECASE,
    )


@cache
def _clock() -> re.Pattern[str]:
    return re.compile(
        r"(?P<h>\d{1,2})(?!\d|,\d)(?:[:.h](?P<m>\d\d)(?!\d))?(?::\d\d)?"
        r"(?:\s?(?P<half>[ap])\.?\s?m\b\.?"
        r"|\s?(?P<suffix>uhr\b|o'?\s?clock\b|h\b(?=\s\d\d\b(?!\s?m)))(?:\s(?P<m2>[0-5]\d)\b)?"
        r"|(?P<zh>[点點时])(?:(?P<zh_half>半)|(?P<m3>\d{1,2})分?)?"
        r"|\s?(?P<hours>heures?|horas?|h|uur|ore?)\b)?",
        re.IGNORECASE,
    )


@cache
def _next_word() -> re.Pattern[str]:
    return re.compile(r" ([^\W\d_]+)")


@cache
def _evening() -> re.Pattern[str]:
    return re.compile(r"\s?(?:nachmittags|abends|du soir|de l'après|de la tarde|de la noche|della sera|del pomeriggio"
                      r"|da tarde|da noite|'s middags|'s avonds|in the (?:afternoon|evening)|at night)")  # fmt: skip


@cache
def _at_hour() -> re.Pattern[str]:
    return re.compile(r"\b(à|dès|vers|jusqu'à|avant|las|la|alle|ore|às|as|om|tot|vanaf|ab|um|gegen)\s$")
