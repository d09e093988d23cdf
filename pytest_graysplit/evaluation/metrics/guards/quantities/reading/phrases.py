"""Reading of words: numbers, fractions, ordinals, weekdays, months and times of day."""

from __future__ import annotations

import re
from functools import cache

from pytest_graysplit.evaluation.metrics.guards.quantities.reading import dates
from pytest_graysplit.evaluation.metrics.guards.quantities.reading.beside import unit_after
from pytest_graysplit.evaluation.metrics.guards.quantities.reading.figures import FigureReader
from pytest_graysplit.evaluation.metrics.guards.quantities.reading.measures import ONE, measured
from pytest_graysplit.evaluation.metrics.guards.quantities.reading.numerals import number
from pytest_graysplit.evaluation.metrics.guards.quantities.reading.quantity import (
    CLOCK,
    DATE,
    ORDINAL,
    PERIOD,
    WEEKDAY,
    Quantity,
    simple,
)
from pytest_graysplit.evaluation.metrics.guards.quantities.tables import calendar, number_words, units

_LONGEST_RUN = 8
_PER_AFTER_QUANTITY = frozenset(("a", "an", "al", "am", "pro", "à"))
_LINKED_ONES = frozenset(("un", "une", "uno", "una", "um", "uma"))
_SIZED_ELSEWHERE = frozenset((units.MONEY, units.TIMES, units.PERCENT))
_CLOCK, _DATE, _PERCENT = (frozenset((kind,)) for kind in (CLOCK, DATE, units.PERCENT))


class PhraseReader(FigureReader):
    """A reader of the words of one text; its methods are named by `vocabulary` and take place, end and word."""

    def part(self, _: int, end: int, __: str) -> int:
        """Read a word that is a quantity only within a longer word with hyphens."""
        return end

    def number_word(self, start: int, end: int, low: str) -> int:
        """Read a number in words, with its unit."""
        ends, parts = [end], [self._value(low)]
        if parts[0] < 0:
            return end
        while len(parts) < _LONGEST_RUN and (following := self._following(ends[-1])):
            ends.append(following[0])
            parts.append(following[1])
        while len(parts) > 1 and number_words.compose(parts) is None:
            parts.pop()
            ends.pop()
        if low == "one" and len(parts) == 1 and _pronoun().match(self.text, end):
            return end
        value = number_words.compose(parts)
        return self.measure(frozenset((float(parts[0] if value is None else value),)), start, ends[-1])

    def _value(self, low: str) -> float:
        """Return the number of a word, or -1 in a text whose language has another meaning for it."""
        if number_words.is_ambiguous(low) and not number_words.counts_in(low, self.languages()):
            return -1.0
        if low in number_words.MAGNITUDES and low not in ("dozen", "dutzend"):
            return number_words.magnitude(low, next(iter(self.languages()), ""))
        return float(number_words.number_words()[low])

    def _following(self, end: int) -> tuple[int, float] | None:
        """Return the end and the value of the next part of a number in words."""
        match = _next_word().match(self.low, end)
        linked = match is not None and match[1] in number_words.CONNECTORS
        if match and linked:
            match = _next_word().match(self.low, match.end())
        if match is None:
            return None
        if match[1] in number_words.number_words() and (value := self._value(match[1])) >= 0:
            return match.end(), value
        return (match.end(), 1.0) if linked and match[1] in _LINKED_ONES else None

    def unit_word(self, start: int, end: int, low: str) -> int:
        """Read "a week": one week, or "per week" after another quantity; "eine Woche" is a number."""
        before = _word_before().search(self.low, max(0, start - 12), start)
        if before is None:
            return end
        place = before.start(1)
        last = self.last()
        near = last and 0 <= place - last.end <= 24 and not _clause_mark().search(self.text, last.end, place)
        if before[1] in units.PER or (near and before[1] in _PER_AFTER_QUANTITY):
            unit = units.units()[low][0]
            return self._period(unit.kind, unit.size, place, end)
        if before[1] in number_words.ARTICLES:
            finish = self.measure(ONE, place, before.end(1))
            vague = before[1] in ("a", "an") or bool(near)
            self.found[-1] = self.found[-1]._replace(vague=vague)
            return finish
        return end

    def adverb(self, start: int, end: int, low: str) -> int:
        """Read "daily" as once in a day."""
        return self._period(*units.ADVERBS[low], start, end)

    def _period(self, kind: str, size: float, start: int, end: int) -> int:
        return self.add(simple(PERIOD, f"{kind} {float(size)}", start, end))

    def month(self, start: int, end: int, _: str) -> int:
        """Read the name of a month without a number beside it."""
        day = dates.month_alone(self.text, start, end)
        if day:
            self.add(Quantity(_DATE, frozenset(), frozenset(), start, end, end, days=(day,)))
        return end

    def weekday(self, start: int, end: int, low: str) -> int:
        """Read a weekday."""
        return self.add(simple(WEEKDAY, float(calendar.weekdays()[low]), start, end))

    def short_weekday(self, start: int, end: int, low: str) -> int:
        """Read an abbreviation such as "Mon"."""
        if self.text[start].isupper():
            self.add(simple(WEEKDAY, float(calendar.SHORT_WEEKDAYS[low]), start, end, vague=True))
        return end

    def day_group(self, start: int, end: int, low: str) -> int:
        """Read "weekdays" and "weekend" as their days."""
        days = [float(day) for day in calendar.DAY_GROUPS[low]]
        for day in days:
            self.add(simple(WEEKDAY, day, start, end, vague=True))
        return self.add(simple("days", f"{days[0]} to {days[-1]}", start, end, vague=True))

    def day_time(self, start: int, end: int, low: str) -> int:
        """Read "noon" and "midnight"."""
        minute = calendar.DAY_TIMES[low]
        keys = dates.clock_keys(minute // 60, 0, "p" if minute else "a")
        return self.add(Quantity(_CLOCK, keys, frozenset(), start, end, end, vague=True))

    def ordinal(self, start: int, end: int, low: str) -> int:
        """Read "third", which may be a part: "two thirds"."""
        if low in units.FRACTIONS and self._is_part(start, end):
            return self.fraction(start, end, low)
        vague = low in calendar.VAGUE_ORDINALS
        return self.add(simple(ORDINAL, float(calendar.ORDINALS[low]), start, end, vague=vague, is_number=True))

    def _is_part(self, start: int, end: int) -> bool:
        """Tell whether "third" is a fraction: "two thirds", "a third of"."""
        if _of().match(self.text, end):
            return True
        last = self.last()
        return bool(last and last.is_plain and self.text[last.end : start] in (" ", "-"))

    def twice(self, start: int, end: int, low: str) -> int:
        """Read "twice" and "double"."""
        vague = low in units.VAGUE_TIMES
        return self.add(simple(units.TIMES, float(units.TWICE[low]), start, end, vague=vague))

    def fraction(self, start: int, end: int, low: str) -> int:
        """Read "half of the price" as 50%, "half an hour" as 30 minutes, "two thirds" as 66.7%."""
        part = 1 / units.FRACTIONS[low]
        last = self.last()
        if last and ORDINAL in last.kinds and self.text[last.end : start] == " ":  # "the third quarter" of a year
            return end
        if last and last.is_plain and self.text[last.end : start] in (" ", "-") and len(last.raw) == 1:
            (times,) = last.raw
            if isinstance(times, float) and times < 10:
                part, start = part * times, self.found.pop().start
        link = _of_a().match(self.text, end)
        unit = unit_after(self.text, link.end() if link else end, self.languages)
        if unit and unit.units[0].kind not in _SIZED_ELSEWHERE:
            return self.add(measured(frozenset((number(part),)), unit.units, start, unit.place, end))
        if low in units.HALVES_OF_UNITS:
            return end
        exact = number(100 * part)
        keys = frozenset((units.PERCENT, value) for value in (exact, float(round(exact)), round(exact, 1)))
        raw = frozenset((number(part),))
        return self.add(Quantity(_PERCENT, keys, raw, start, end, end))


@cache
def _next_word() -> re.Pattern[str]:
    return re.compile(r"(?: - |[ -])([^\W\d_]+)")


@cache
def _word_before() -> re.Pattern[str]:
    return re.compile(r"(?<![^\W\d_])([^\W\d_]{1,8}) $")


@cache
def _pronoun() -> re.Pattern[str]:
    return re.compile(r"(?: (?:another|thing|who|that|is|can|may|has|more thing)\b|[.,;:!?)-]|$)", re.IGNORECASE)


@cache
def _clause_mark() -> re.Pattern[str]:
    return re.compile(r"[.;!?\n]")


@cache
def _of() -> re.Pattern[str]:
    return re.compile(r" of\b")


@cache
def _of_a() -> re.Pattern[str]:
    return re.compile(r"(?:'|[ -](?:of )?an?|[ -]d'une?| de| een| eine?r?)?(?=[ \w])", re.IGNORECASE)
