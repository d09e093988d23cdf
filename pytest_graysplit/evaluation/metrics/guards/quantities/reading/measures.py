"""Numbers with units as quantities: the keys that equal values share, in any unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.metrics.guards.quantities.reading.numerals import number
from pytest_graysplit.evaluation.metrics.guards.quantities.reading.quantity import NUMBER, Key, Quantity
from pytest_graysplit.evaluation.metrics.guards.quantities.tables.units import (
    DAY_S,
    MONTHS,
    TEMPERATURE,
    TIME,
    WEEK_S,
    Unit,
)
from pytest_graysplit.evaluation.metrics.guards.quantities.tables.units import units as units_by_word

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ONE: frozenset[float | str] = frozenset((1.0,))
_UNEVEN = frozenset((TIME, MONTHS))
_NUMBER = frozenset((NUMBER,))
_KINDS = {unit.kind: frozenset((unit.kind,)) for found in units_by_word().values() for unit in found}
_KINDS |= {TEMPERATURE: frozenset((TEMPERATURE,)), MONTHS: frozenset((MONTHS, TIME))}
_DAYS_OF_MONTH, _DAYS_OF_YEAR, _WORKDAYS_OF_WEEK = 30.4375, 365.25, 5


def measured(  # noqa: PLR0913 - the parts of a quantity
    possible: frozenset[float | str],
    units: Sequence[Unit],
    start: int,
    end: int,
    number_end: int,
    *,
    is_working: bool = False,
) -> Quantity:
    """Return the quantity of a number in some units; "pounds" are a mass and a currency."""
    keys: frozenset[Key]
    if not units:
        keys = frozenset([(NUMBER, value) for value in possible])
        return Quantity(_NUMBER, keys, possible, start, end, number_end)
    first = units[0]
    if len(units) == 1 and first.kind not in _UNEVEN and first.system != "F in C":
        keys = frozenset(
            [(first.system, value if isinstance(value, str) else number(value * first.size)) for value in possible]
        )
        return Quantity(_KINDS[first.kind], keys, possible, start, end, number_end, size=first.size)
    keys = frozenset(key for unit in units for value in possible for key in _keys(unit, value, is_working=is_working))
    kinds = frozenset().union(*[_KINDS[unit.kind] for unit in units])
    return Quantity(kinds, keys, possible, start, end, number_end, size=units[0].size)


def _keys(unit: Unit, value: float | str, *, is_working: bool) -> Iterator[Key]:
    if isinstance(value, str):
        yield unit.system, value
    elif unit.system == "F in C":
        yield "C", number((value - 32) / 1.8)
    else:
        whole = number(value * unit.size)
        yield unit.system, whole
        if whole == 15 * DAY_S or (unit.size == WEEK_S and value == 2):  # "quinze jours" are two weeks
            yield "fortnight", 1.0
        if unit.kind == MONTHS:
            yield from ((TIME, days * DAY_S) for days in _days(whole))
        elif is_working and value % _WORKDAYS_OF_WEEK == 0:  # five working days are a week
            yield TIME, value / _WORKDAYS_OF_WEEK * 7 * DAY_S


def _days(months: float) -> set[float]:
    """Return how many days may be meant by some months: three months are 90 to 92 days, a year is 365 or 52 weeks."""
    days = {float(round(months * 30)), float(int(months * _DAYS_OF_MONTH)), float(round(months * _DAYS_OF_MONTH))}
    days |= {days_of + 1 for days_of in days} | {float(round(months * 13 / 3)) * 7}
    if months == 1:
        days |= {28.0}
    if months % 12 == 0:
        years = months / 12
        days |= {years * each for each in (364, 365, 366)}
    return days
