"""A quantity of a text, and the agreement of two."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

NUMBER, VERSION, ORDINAL, PERIOD = "number", "version", "ordinal", "period"
DATE, WEEKDAY, CLOCK = "date", "weekday", "clock"
Key: TypeAlias = tuple[str, float | str]


class Day(NamedTuple):
    """A date, or the known part of one: "12 March" has no year, "March 2026" no day."""

    year: int | None = None
    month: int | None = None
    day: int | None = None

    def agrees(self, other: Day) -> bool:
        """Tell whether no part that both have differs."""
        return not any(a is not None and b is not None and a != b for a, b in zip(self, other, strict=True))

    def shares(self, other: Day) -> bool:
        """Tell whether both have a part in common."""
        return any(a is not None and b is not None for a, b in zip(self, other, strict=True))


class Quantity(NamedTuple):
    """A value in a text: the kinds that it measures, the keys of equal values, its bare numbers, and its place.

    `vague` values ("once", "a week") can confirm a value of the other text, not contradict one. `days` are the dates
    that a date may mean, and `size` is that of its unit. The number itself, without its unit, ends at `number_end`.
    """

    kinds: frozenset[str]
    keys: frozenset[Key]
    raw: frozenset[float | str]
    start: int
    end: int
    number_end: int
    vague: bool = False
    days: tuple[Day, ...] = ()
    size: float = 0.0

    @property
    def is_plain(self) -> bool:
        """Whether it is a number without a unit."""
        return NUMBER in self.kinds

    def is_near(self, other: Quantity) -> bool:
        """Tell whether two values in units of two systems are equal after rounding: 5 km are 3.1 miles."""
        if not (self.size and other.size and _differ_in_system(self.size, other.size)):
            return False
        return any(abs(a - b) <= 0.02 * max(abs(a), abs(b)) for a, b in _pairs(self, other))

    def is_same_day(self, other: Quantity) -> bool:
        """Tell whether two dates may be one."""
        return any(mine.agrees(its) for mine in self.days for its in other.days)


def simple(  # noqa: PLR0913 - the parts of a quantity
    kind: str, value: float | str, start: int, end: int, *, vague: bool = False, is_number: bool = False
) -> Quantity:
    """Return a quantity of one kind with one value, which is also a bare number or not."""
    raw: frozenset[float | str] = frozenset((value,)) if is_number else frozenset()
    return Quantity(frozenset((kind,)), frozenset(((kind, value),)), raw, start, end, end, vague)


def _pairs(ours: Quantity, theirs: Quantity) -> Iterator[tuple[float, float]]:
    for system, value in ours.keys:
        for other, its in theirs.keys:
            if system == other and isinstance(value, float) and isinstance(its, float):
                yield value, its


def _differ_in_system(ours: float, theirs: float) -> bool:
    ratio = max(ours, theirs) / min(ours, theirs)
    return abs(ratio - round(ratio)) > 1e-6
