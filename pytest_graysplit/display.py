"""Numbers for people: money, rates, durations, counts; none of them lies by rounding."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def money(amount: Decimal | None) -> str:
    """Write US dollars; an unknown price is "unknown", never $0.

    >>> money(Decimal("0.93904")), money(Decimal("1234.5")), money(Decimal("0.00001")), money(None)
    ('$0.9390', '$1,234.50', '<$0.0001', 'unknown')
    """
    if amount is None:
        return "unknown"
    size = abs(amount)
    sign = "-" if amount < 0 else ""
    if 0 < size < Decimal("0.0001"):
        return f"{sign}<$0.0001"
    return f"{sign}${size:,.2f}" if size >= 1 else f"{sign}${size:.4f}"


def percent(part: int, whole: int) -> str:
    """Write a rate in percent; only none of them is 0.0% and only all of them 100.0%.

    >>> percent(1, 3000), percent(2999, 3000), percent(3000, 3000), percent(0, 0)
    ('<0.1%', '>99.9%', '100.0%', 'none')
    """
    if whole == 0:
        return "none"
    return _between(100 * part / whole, lowest=part == 0, highest=part == whole)


def _between(value: float, *, lowest: bool, highest: bool) -> str:
    if value < 0.05 and not lowest:
        return "<0.1%"
    if value >= 99.95 and not highest:
        return ">99.9%"
    return f"{value:.1f}%"


def points(share: float) -> str:
    """Write a difference of rates in percentage points, with its sign: -2.5, +0.4, 0.0."""
    value = round(100 * share, 1)
    if value == 0 and share != 0:
        return ">-0.1" if share < 0 else "<+0.1"
    return f"{value:+.1f}" if value else "0.0"


def change(ratio: float) -> str:
    """Write a ratio as a change in percent: 0.03 is -97%, 1.5 is +50%; -100% only for nothing at all."""
    value = 100 * (ratio - 1)
    if ratio > 0 and value < -99:
        return "-99%" if value > -99.5 else "<-99%"
    return f"{value:+.0f}%" if round(value) else "0%"


def seconds(duration_s: float | None) -> str:
    """Write a duration: 0.42 s, 12.3 s, 340 s, 12 ms."""
    if duration_s is None:
        return "-"
    if duration_s < 0.0995:
        return f"{duration_s * 1000:.0f} ms" if duration_s >= 0.0005 else "<1 ms"
    return f"{duration_s:.2f} s" if duration_s < 9.995 else f"{duration_s:.1f} s"


def clock(duration_s: float) -> str:
    """Write a time left: 8 s, 2:05."""
    whole = math.ceil(duration_s)
    return f"{whole} s" if whole < 60 else f"{whole // 60}:{whole % 60:02}"


def count(number: int) -> str:
    """Write a count in three or four figures: 940, 12.4k, 1.2M."""
    for limit, unit in ((999_950_000, "G"), (999_950, "M"), (1_000, "k")):
        if number >= limit:
            scale = {"G": 1e9, "M": 1e6, "k": 1e3}[unit]
            return f"{number / scale:.1f}{unit}"
    return str(number)


def ratio(value: float) -> str:
    """Write a ratio: x0.69, x12.3."""
    return f"x{value:.2f}" if value < 9.995 else f"x{value:.1f}"


def score(value: float, *, against: float | None = None) -> str:
    """Write a similarity with two decimals, or with as many as it takes to differ from a threshold.

    >>> score(0.7496, against=0.75), score(0.41)
    ('0.7496', '0.41')
    """
    digits = 2
    while against is not None and value != against and digits < 12 and f"{value:.{digits}f}" == f"{against:.{digits}f}":
        digits += 1
    return f"{value:.{digits}f}"


def plural(number: int, noun: str, nouns: str | None = None) -> str:
    """Write a count with its noun: 1 case, 2 cases."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def shortened(text: str, width: int) -> str:
    """Put a text on one line of at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: max(0, width - 3)].rstrip() + "..."


def listed(names: Sequence[str]) -> str:
    """Join names as a sentence does: a, b and c."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
