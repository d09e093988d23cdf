"""Quantities that belong together: "5 to 7 days", "1 h 30 min", "Monday to Friday"."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.metrics.guards.quantities.reading.numerals import number
from pytest_graysplit.evaluation.metrics.guards.quantities.reading.quantity import CLOCK, WEEKDAY, Key, Quantity, simple
from pytest_graysplit.evaluation.metrics.guards.quantities.tables.units import MONEY, TIME

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST_LINK = 10


def joined(text: str, found: Sequence[Quantity]) -> list[Quantity]:
    """Return the quantities, with the unit of a range on both of its ends and the parts of a duration added."""
    result: list[Quantity] = []
    following: Quantity | None = None
    for one in reversed(found):
        current = one
        link = text[one.end : following.start] if following and following.start - one.end <= _LONGEST_LINK else None
        if following is not None and link is not None:
            if one.is_plain and _range().fullmatch(link):
                current = _with_unit(one, following)
            elif _may_add(one, following) and _and().fullmatch(link):
                current = _sum(one, following) or one
                if current is not one:
                    result[-1] = following._replace(vague=True)
            elif WEEKDAY in one.kinds and WEEKDAY in following.kinds and _days_range().fullmatch(link):
                result += _days_between(one, following)
        result.append(current)
        following = current
    return result[::-1]


def _with_unit(one: Quantity, other: Quantity) -> Quantity:
    """Return the first number of a range with the unit of the second."""
    if other.is_plain or not other.size:
        if CLOCK in other.kinds:
            keys = frozenset((system, value * 60) for _, value in one.keys if isinstance(value, float)
                             for system in ("clock", "a", "p"))  # fmt: skip
            return one._replace(kinds=other.kinds, keys=keys)
        return one
    keys = frozenset(
        (system, number(value * other.size))
        for system in {system for system, _ in other.keys}
        for value in one.raw
        if isinstance(value, float)
    )
    return one._replace(kinds=other.kinds, keys=keys, size=other.size) if keys else one


def _may_add(one: Quantity, other: Quantity) -> bool:
    return (TIME in one.kinds and TIME in other.kinds) or (MONEY in one.kinds and MONEY in other.kinds)


def _sum(one: Quantity, other: Quantity) -> Quantity | None:
    """Return "1 hour 30 minutes" as 90 minutes, if the second unit is smaller."""
    ours, theirs = dict(one.keys), dict(other.keys)
    if len(ours) != len(one.keys) or not 0 < other.size < one.size:
        return None
    keys: frozenset[Key] = frozenset(
        (system, number(value + more))
        for system, value in ours.items()
        if isinstance(value, float) and isinstance(more := theirs.get(system), float)
    )
    if not keys:
        return None
    return one._replace(keys=keys, raw=frozenset(), end=other.end, number_end=other.end)


def _days_between(first: Quantity, last: Quantity) -> list[Quantity]:
    (_, begin), (_, end) = next(iter(first.keys)), next(iter(last.keys))
    days = (float(day) for day in range(int(begin) + 1, int(end)))
    between = [first._replace(keys=frozenset(((WEEKDAY, day),)), vague=True) for day in days]
    return [*between, simple("days", f"{begin} to {end}", first.start, last.end)]


@cache
def _range() -> re.Pattern[str]:
    return re.compile(
        r"\s?(?:-|~|to|bis|à|a|al|au|und|and|oder|or|ou|o|y|e|et|en|tot|até|hasta|through|或|到|至)\s?", re.IGNORECASE
    )


@cache
def _days_range() -> re.Pattern[str]:
    return re.compile(
        r"\s?(?:-|~|to|till|until|through|bis|à|au|a|al|tot|tot en met|até|hasta|到|至)\s?", re.IGNORECASE
    )


@cache
def _and() -> re.Pattern[str]:
    return re.compile(r"\s?(?:and|und|et|y|e|en|又)?\s?", re.IGNORECASE)
