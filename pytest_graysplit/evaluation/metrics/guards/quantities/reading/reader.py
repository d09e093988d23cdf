"""The quantities of a text: figures and words are found first, and then read in their order."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.evaluation.metrics.guards.quantities.identifiers import addresses
from pytest_graysplit.evaluation.metrics.guards.quantities.reading.numerals import FIGURE
from pytest_graysplit.evaluation.metrics.guards.quantities.reading.phrases import PhraseReader
from pytest_graysplit.evaluation.metrics.guards.quantities.reading.quantity import WEEKDAY, Quantity, simple
from pytest_graysplit.evaluation.metrics.guards.quantities.reading.ranges import joined
from pytest_graysplit.evaluation.metrics.guards.quantities.tables import calendar, number_words, units

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Stop = tuple[int, int, str]

# Two long tables show a changed number within this many.
_MOST, _MOST_PLACES, _MOST_STOPS = 300, 1200, 1200
_CHINESE_WORDS = ("中午", "午夜", "一半")
_SPANS = frozenset((units.TIME, units.MONTHS))


class Reading(NamedTuple):
    """The quantities of a text; `is_cut` says that the text has more than were read."""

    quantities: tuple[Quantity, ...]
    is_cut: bool


@lru_cache(maxsize=64)
def read(text: str, words: frozenset[str]) -> Reading:
    """Return the quantities of a text from `numerals.plain`, whose words are given."""
    stops = _stops(text, words)
    reader, names, done = PhraseReader(text, words), vocabulary(), 0
    addressed = [simple(one.kind, one.key, one.start, one.end) for one in addresses(text)]
    is_cut = len(stops) > _MOST_STOPS
    for start, end, word in _outside(stops[:_MOST_STOPS], addressed):
        if start >= done:
            done = max(done, _word(reader, start, end, names[word]) if word else reader.figure(start, end))
        if len(reader.found) > _MOST:
            is_cut = True
            break
    more = [*addressed, *_chinese_weekdays(text)]
    found = sorted([*reader.found, *more], key=lambda one: one.start) if more else reader.found
    return Reading(tuple(joined(text, found)), is_cut)


@cache
def vocabulary() -> dict[str, str]:
    """Return the words that the reader stops at, each with the name of the method that reads it."""
    spans = (word for word, found in units.units().items() if found[0].kind in _SPANS and len(word) > 2)
    found = dict.fromkeys(spans, "unit_word") | dict.fromkeys(units.ADVERBS, "adverb")
    found |= dict.fromkeys(calendar.months(), "month") | dict.fromkeys(calendar.weekdays(), "weekday")
    found |= dict.fromkeys(calendar.SHORT_WEEKDAYS, "short_weekday")
    found |= dict.fromkeys(calendar.DAY_GROUPS, "day_group") | dict.fromkeys(calendar.DAY_TIMES, "day_time")
    found |= dict.fromkeys(units.FRACTIONS, "fraction") | dict.fromkeys(units.TWICE, "twice")
    found |= dict.fromkeys(calendar.ORDINALS, "ordinal") | dict.fromkeys(number_words.number_words(), "number_word")
    for word in [word for word in found if "-" in word]:
        found.setdefault(word.partition("-")[0], "part")
    return found


@cache
def _stop_words() -> frozenset[str]:
    return frozenset(vocabulary())


def _stops(text: str, words: frozenset[str]) -> list[Stop]:
    """Return the places of figures and of the words of the vocabulary, in their order."""
    stops = [(*match.span(), "") for match in islice(_figures().finditer(text), _MOST_STOPS + 1)]
    low = lowered if len(lowered := text.lower()) == len(text) else text
    present = words & _stop_words()
    for word in present if text.isascii() else (*present, *_CHINESE_WORDS):
        stops += _places(low, word)
    stops.sort()
    return stops


def _outside(stops: list[Stop], addressed: list[Quantity]) -> Iterator[Stop]:
    """Yield the stops that are not a part of an address."""
    if not addressed:
        yield from stops
        return
    covered = iter(addressed)
    address = next(covered, None)
    for stop in stops:
        while address and stop[0] >= address.end:
            address = next(covered, None)
        if address is None or stop[0] < address.start:
            yield stop


def _word(reader: PhraseReader, start: int, end: int, kind: str) -> int:
    """Read a word, or a word with hyphens such as "segunda-feira"."""
    if reader.text[end : end + 1] == "-":
        hyphened = _hyphened().match(reader.low, start)
        while hyphened:
            if hyphened[0] in vocabulary():
                kind, end = vocabulary()[hyphened[0]], hyphened.end()
                break
            hyphened = _hyphened().match(reader.low, start, hyphened.start(1) - 1)
    read_word: Callable[[int, int, str], int] = getattr(reader, kind)
    return read_word(start, end, reader.low[start:end])


def _chinese_weekdays(text: str) -> list[Quantity]:
    if text.isascii() or ("期" not in text and "周" not in text):
        return []
    days = calendar.CHINESE_WEEKDAYS
    return [
        simple(WEEKDAY, float(days[day[1]]), day.start(), day.end())
        for day in islice(_chinese_weekday().finditer(text), _MOST)
    ]


def _places(low: str, word: str) -> list[Stop]:
    """Return the places of a word; there are at most a few thousand."""
    found: list[Stop] = []
    place, size = low.find(word), len(word)
    while place >= 0 and len(found) < _MOST_PLACES:
        end = place + size
        if word in _CHINESE_WORDS or not (low[place - 1 : place].isalnum() or low[end : end + 1].isalnum()):
            found.append((place, end, word))
        place = low.find(word, end)
    return found


@cache
def _figures() -> re.Pattern[str]:
    return re.compile(FIGURE)


@cache
def _hyphened() -> re.Pattern[str]:
    return re.compile(r"[^\W\d_]+(?:-([^\W\d_]+)){1,4}")


@cache
def _chinese_weekday() -> re.Pattern[str]:
    return re.compile(r"(?:星期|礼拜|周)([一二三四五六日天1-6])(?![天个])")
