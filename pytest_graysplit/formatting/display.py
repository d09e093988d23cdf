"""Numbers and texts for people: rounding never misleads, and no text fills the screen."""

from __future__ import annotations

import json
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


def spent_so_far(amount: Decimal, unknown: int) -> str:
    """Write a sum of US dollars that lacks a number of unknown costs.

    >>> spent_so_far(Decimal("0.0123"), 0), spent_so_far(Decimal("0.0123"), 2), spent_so_far(Decimal(0), 2)
    ('$0.0123', 'at least $0.0123', 'cost unknown')
    """
    if not unknown:
        return money(amount)
    return f"at least {money(amount)}" if amount >= Decimal("0.0001") else "cost unknown"


def exact_money(amount: Decimal) -> str:
    """Write US dollars with all given digits, and at least with cents.

    >>> exact_money(Decimal("0.05")), exact_money(Decimal(1)), exact_money(Decimal("0.0005"))
    ('$0.05', '$1.00', '$0.0005')
    """
    cents = Decimal("0.01")
    whole = amount.normalize()
    return f"${whole if whole.as_tuple().exponent < -2 else amount.quantize(cents):,f}"  # type: ignore[operator] # it is finite


def rough_money(amount: Decimal) -> str:
    """Write an estimate of US dollars: cents, or two significant digits below that.

    >>> rough_money(Decimal("0.9153")), rough_money(Decimal("0.00461")), rough_money(Decimal("1234.567"))
    ('$0.92', '$0.0046', '$1,234.57')
    """
    if amount == 0 or amount >= Decimal("0.1"):
        return f"${amount:,.2f}"
    if amount < Decimal("0.0001"):
        return "<$0.0001"
    return f"${amount:.{1 - amount.adjusted()}f}"


def percent(part: float, whole: int) -> str:
    """Write a rate in percent; only zero is 0.0%, and only the whole is 100.0%.

    >>> percent(1, 3000), percent(2999, 3000), percent(3000, 3000), percent(0, 0)
    ('<0.1%', '>99.9%', '100.0%', 'none')
    """
    return f"{format_share(part / whole)}%" if whole else "none"


def format_share(value: float) -> str:
    """Write a share of 0 to 1 in percent, without the sign, for a column or an interval.

    >>> format_share(0.0), format_share(0.0002), format_share(0.5), format_share(0.9996)
    ('0.0', '<0.1', '50.0', '>99.9')
    """
    text = f"{100 * value:.1f}"
    if text == "0.0" and value > 0:
        return "<0.1"
    return ">99.9" if text == "100.0" and value < 1 else text


def points(share: float) -> str:
    """Write a difference of rates in percentage points, with its sign: -2.5, +0.4, 0.0."""
    value = round(100 * share, 1)
    if value == 0 and share != 0:
        return ">-0.1" if share < 0 else "<+0.1"
    return f"{value:+.1f}" if value else "0.0"


def change(ratio: float) -> str:
    """Write a ratio as a change in percent; only 0 is -100%, and only 1 is 0%.

    >>> change(0.03), change(1.5), change(0.001), change(1.002), change(1)
    ('-97%', '+50%', '<-99%', '<+1%', '0%')
    """
    value = 100 * (ratio - 1)
    if ratio > 0 and value <= -99.5:
        return "<-99%"
    if round(value) == 0 and ratio != 1:
        return "<+1%" if ratio > 1 else ">-1%"
    return f"{value:+.0f}%" if round(value) else "0%"


def seconds(duration_s: float | None) -> str:
    """Write a duration: 12 ms, 0.42 s, 12.3 s, 340 s; "<1 ms" below a millisecond."""
    if duration_s is None:
        return "-"
    if duration_s < 0.0995:
        return f"{duration_s * 1000:.0f} ms" if duration_s >= 0.001 else "<1 ms"
    if duration_s < 9.995:
        return f"{duration_s:.2f} s"
    return f"{duration_s:.1f} s" if duration_s < 99.95 else f"{duration_s:.0f} s"


def format_clock(duration_s: float) -> str:
    """Write a remaining time: 8 s, 2:05."""
    whole = math.ceil(duration_s)
    return f"{whole} s" if whole < 60 else f"{whole // 60}:{whole % 60:02}"


def count(number: int) -> str:
    """Write a count in three or four digits: 940, 12.4k, 1.2M."""
    for limit, unit in ((999_950_000, "G"), (999_950, "M"), (1_000, "k")):
        if number >= limit:
            scale = {"G": 1e9, "M": 1e6, "k": 1e3}[unit]
            return f"{number / scale:.1f}{unit}"
    return str(number)


def ratio(value: float) -> str:
    """Write a ratio: x0.69, x12.3; only 0 is x0.00."""
    if 0 < value < 0.005:
        return "<x0.01"
    return f"x{value:.2f}" if value < 9.995 else f"x{value:.1f}"


def format_score(value: float, *, against: float | None = None, fewest: int = 2) -> str:
    """Write a similarity with the fewest decimals that keep it on its side of 0, 1 and a threshold.

    >>> format_score(0.7496, against=0.75), format_score(0.41), format_score(0.998), format_score(1.0)
    ('0.7496', '0.41', '0.998', '1.00')
    """
    marks = [0.0, 1.0] if against is None else [0.0, 1.0, against]
    for digits in range(fewest, 17):
        text = f"{value:.{digits}f}"
        rounded = float(text)
        if all((rounded < mark, rounded > mark) == (value < mark, value > mark) for mark in marks):
            return text
    return repr(value)


def format_near_bound(value: float | Decimal, bound: float, fewest: int = 2) -> str:
    """Write a number with the fewest decimals that keep it on its side of the bound.

    >>> format_near_bound(0.7496, 0.75), format_near_bound(0.41, 0.75)
    ('0.7496', '0.41')
    """
    exact, limit = Decimal(str(value)), Decimal(str(bound))
    for digits in range(fewest, 20):
        rounded = f"{exact:.{digits}f}"
        if Decimal(rounded).compare(limit) == exact.compare(limit):
            return rounded
    return exact_number(exact)


def exact_number(value: float | Decimal) -> str:
    """Write a number, such as a threshold, with all its digits: no exponent, no trailing zeros.

    >>> exact_number(0.75), exact_number(3.0), exact_number(0.7500004), exact_number(1e-05)
    ('0.75', '3', '0.7500004', '0.00001')
    """
    digits = f"{Decimal(str(value)):f}"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def plural(number: int, noun: str, nouns: str | None = None) -> str:
    """Write a count with its noun: 1 case, 2 cases."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def shortened(text: str, width: int) -> str:
    """Put a text on one line of at most `width` characters."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: max(0, width - 3)].rstrip() + "..."


def cut(text: str, width: int = 120, end: str = "…") -> str:
    """Shorten a long text; the end shows that there is more.

    >>> cut("no"), cut("a longer text", 8)
    ('no', 'a longe…')
    """
    return text if len(text) <= width else f"{text[: width - len(end)]}{end}"


def excerpt(text: str, around: int = 0, limit: int = 80) -> str:
    """Quote a text for a message, near the relevant place, with an ellipsis where it continues.

    >>> excerpt("no")
    "'no'"
    """
    begin = max(0, min(around - limit // 4, len(text) - limit))
    end = begin + limit
    return f"{'…' if begin else ''}{text[begin:end]!r}{'…' if end < len(text) else ''}"


def listed(names: Sequence[str]) -> str:
    """Join names as in a sentence: a, b and c."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def shortlist(names: Sequence[str], most: int = 3) -> str:
    """Join the first names, and count the rest.

    >>> shortlist(["a", "b"]), shortlist(["a", "b", "c", "d", "e"])
    ('a and b', 'a, b, c and 2 more')
    """
    return listed(names) if len(names) <= most else f"{', '.join(names[:most])} and {len(names) - most} more"


def toml_key(name: str) -> str:
    """Return a name as a TOML key, in quotes where it needs them.

    >>> toml_key("low-effort"), toml_key("gpt-4.1")
    ('low-effort', '"gpt-4.1"')
    """
    bare = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    return name if bare else json.dumps(name, ensure_ascii=False)
