"""Figures as numbers (groupings, decimal marks, other scripts, fractions), and the form of text that readers take."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from pytest_graysplit.evaluation.metrics.guards.quantities.reading.chinese import with_figures

# Groups of three after a space or an apostrophe; otherwise points and commas, which `values` interprets.
FIGURE = r"\d{1,3}(?:[ '](?=\d{3}(?!\d))\d{3})+(?:[.,]\d+)?(?![\d])|\d+(?:[.,]\d+)*"
_PLAIN = str.maketrans(
    {"−": "-", "‐": "-", "‑": "-", "–": "-", "’": "'", "٫": ".", "٬": ",", "⁄": "/"}  # noqa: RUF001 - the marks that are replaced
)
_OTHER_DIGITS = "[\u0660-\u0669\u06f0-\u06f9\u0966-\u096f\u09e6-\u09ef\u0e50-\u0e59]"
_VULGAR = "[\u00bc-\u00be\u2150-\u215e]"
_LONGEST, _MOST_NUMBERS = 15, 20
# A longer answer is compared in its first part.
MOST_CHARACTERS = 40_000
_SEPARATED = re.compile(r"[.,]")


@lru_cache(maxsize=128)
def plain(text: str) -> str:
    """Return the beginning of the text with ASCII digits and marks, composed accents, Chinese numerals in figures."""
    text = text[:MOST_CHARACTERS]
    if text.isascii():
        return text
    text = re.sub(_VULGAR, r" \g<0>", text)
    text = unicodedata.normalize("NFKC", text)
    text = re.sub(_OTHER_DIGITS, lambda match: str(unicodedata.digit(match[0])), text)
    return with_figures(text.translate(_PLAIN))


def number(value: float) -> float:
    """Return the number without the noise of floating point."""
    return value if value.is_integer() and -1e9 < value < 1e9 else float(f"{value:.9g}")


@lru_cache(maxsize=2048)
def values(figures: str) -> tuple[frozenset[float | str], ...]:
    """Return the numbers written there, each with its possible values: "1.000" has two, by the country.

    >>> [sorted(one) for one in values("1.000")], [sorted(one) for one in values("1,00,000.50")]
    ([[1.0, 1000.0]], [[100000.5]])
    """
    digits = figures.replace(" ", "").replace("'", "")
    point, comma = digits.count("."), digits.count(",")
    if not point and not comma:
        return (frozenset((_value(digits),)),)
    if point and comma:
        decimal = max(".,", key=digits.rfind)
        if digits.count(decimal) == 1:
            return (frozenset((_value(digits.replace("," if decimal == "." else ".", "").replace(decimal, ".")),)),)
        return tuple(frozenset((_value(part),)) for part in _SEPARATED.split(digits, _MOST_NUMBERS)[:_MOST_NUMBERS])
    return _one_mark(digits.split("." if point else ","), grouped_by_comma=bool(comma))


def _one_mark(groups: list[str], *, grouped_by_comma: bool) -> tuple[frozenset[float | str], ...]:
    first, *rest = groups
    if len(first) <= 3 and all(len(group) == 3 for group in rest):
        whole = _value("".join(groups))
        if len(rest) > 1:
            return (frozenset((whole,)),)
        decimal = _value(".".join(groups))
        return (frozenset((decimal,) if first.startswith("0") else (whole, decimal)),)
    if len(rest) == 1:
        return (frozenset((_value(".".join(groups)),)),)
    if grouped_by_comma and len(rest[-1]) == 3 and len(first) <= 2 and all(len(group) == 2 for group in rest[:-1]):
        return (frozenset((_value("".join(groups)),)),)
    return tuple(frozenset((_value(group),)) for group in groups[:_MOST_NUMBERS])


def _value(digits: str) -> float | str:
    # A number that a float cannot hold is an identifier: all its digits count.
    return digits.lstrip("0") if len(digits) > _LONGEST else number(float(digits))
