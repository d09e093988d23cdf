"""How a missed expectation is worded: the excerpt it shows, and numbers that stay on their side of a bound."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple


class Finding(NamedTuple):
    """One expectation that an answer does not meet, what to do, and the heading that tells more."""

    problem: str
    hint: str
    slug: str


def excerpt(text: str, around: int = 0, limit: int = 80) -> str:
    """Quote a text for a message, near the place that matters, with an ellipsis where it goes on.

    >>> excerpt("no")
    "'no'"
    """
    begin = max(0, min(around - limit // 4, len(text) - limit))
    end = begin + limit
    return f"{'…' if begin else ''}{text[begin:end]!r}{'…' if end < len(text) else ''}"


def cut(text: str, limit: int = 120) -> str:
    """Shorten what would fill the screen; the ellipsis says that there is more."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def beside(value: float | Decimal, bound: float, fewest: int = 2) -> str:
    """Write a number with the fewest digits, or as many as it takes to stand on its own side of the bound.

    >>> beside(0.7496, 0.75), beside(0.41, 0.75)
    ('0.7496', '0.41')
    """
    exact, limit = Decimal(str(value)), Decimal(str(bound))
    for digits in range(fewest, 20):
        rounded = f"{exact:.{digits}f}"
        if Decimal(rounded).compare(limit) == exact.compare(limit):
            return rounded
    return plain(exact)


def plain(value: float | Decimal) -> str:
    """Write a number as a person would: every digit it has, no exponent, no trailing zeros.

    >>> plain(3.0), plain(1e-05)
    ('3', '0.00001')
    """
    digits = f"{Decimal(str(value)):f}"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits
