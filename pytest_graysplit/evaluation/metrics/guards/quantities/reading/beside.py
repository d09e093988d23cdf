"""The unit, the magnitude and the sign beside a number."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.evaluation.metrics.guards.quantities.tables.number_words import MAGNITUDES, magnitude
from pytest_graysplit.evaluation.metrics.guards.quantities.tables.units import (
    CURRENCY_MARKS,
    MONEY,
    PERCENT,
    QUALIFIERS,
    TEMPERATURE,
    Unit,
    chinese_units,
    currency_codes,
    units,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_CELSIUS = (Unit(TEMPERATURE, "C", 1.0),)
_FAHRENHEIT = (Unit(TEMPERATURE, "F", 1.0), Unit(TEMPERATURE, "F in C", 1.0))
_DEGREES = (*_CELSIUS, Unit(TEMPERATURE, "F", 1.0))
_PERCENT = (Unit(PERCENT, PERCENT, 1.0),)
# These words are a unit in one language and another word elsewhere ("5 an hour").
_ONLY_IN = {"an": "French", "ans": "French", "go": "French", "mo": "French", "mal": "German", "as": "", "a": "",
            "real": "Portuguese", "won": "", "try": "", "dag": "Dutch", "pa": "", "ha": "", "or": "",
            "uren": "Dutch", "mi": "", "once": "", "ms": "English", "os": "", "cup": "English", "ora": "Italian",
            "die": "", "rs": "English", "mese": "Italian", "gr": "German", "secondo": "Italian"}  # fmt: skip
_EXACT = {"MW": (Unit("power", "power", 1e6),), "mW": (Unit("power", "power", 1e-3),),
          "GW": (Unit("power", "power", 1e9),), "Mb": (Unit("data", "data", 0.125),),
          "Gb": (Unit("data", "data", 125.0),)}  # fmt: skip
_PREFIXED_DOLLARS = {"US": "USD", "C": "CAD", "CA": "CAD", "A": "AUD", "AU": "AUD", "R": "BRL"}


_SYMBOL_STARTS = frozenset(f"%°{CURRENCY_MARKS}dDgGcCfFpP")


class Beside(NamedTuple):
    """Units beside a number, and where they end or begin; `is_working` says that days are working days."""

    units: tuple[Unit, ...]
    place: int
    is_working: bool = False


def unit_after(text: str, end: int, languages: Callable[[], frozenset[str]]) -> Beside | None:
    """Return the unit after a number that ends there."""
    following = text[end : end + 1]
    if following > "\u3400":
        return _chinese_unit(text, end)
    first = text[end + 1 : end + 2] if following in " -" else following
    if first in _SYMBOL_STARTS and (match := _symbol().match(text, end)):
        return Beside(_of_symbol(match), match.end())
    match = _words().match(text, end) if following and following != "\n" else None
    return _unit_word(match, languages) if match else None


def _chinese_unit(text: str, end: int) -> Beside | None:
    if text.startswith("度", end):
        return Beside(_DEGREES, end + 1)
    word = next((each for each in chinese_units() if text.startswith(each, end)), "")
    return Beside(units()[word], end + len(word), "工作" in word) if word else None


def _unit_word(match: re.Match[str], languages: Callable[[], frozenset[str]]) -> Beside | None:
    if (found := _named(match["first"], languages)) is not None:
        return Beside(found, match.end("first"), "work" in match["first"].lower() or "werkt" in match["first"].lower())
    if match["second"] and match["first"].lower() in QUALIFIERS:
        found = _to_the_power(match["first"].lower(), _named(match["second"], languages))
        working = match["first"].lower() in ("working", "business")
        return Beside(found, match.end("second"), working) if found is not None else None
    return None


def _to_the_power(power: str, found: tuple[Unit, ...] | None) -> tuple[Unit, ...] | None:
    """Return the area of "square metres", and the volume of "cubic metres"."""
    if found is None or found[0].kind != "length" or power not in ("square", "cubic"):
        return found
    size = found[0].size
    return (Unit("area", "area", size**2) if power == "square" else Unit("volume", "volume", 1000 * size**3),)


def _of_symbol(match: re.Match[str]) -> tuple[Unit, ...]:
    mark = match["mark"]
    if mark == "%" or match["percent"]:
        return _PERCENT
    if mark:
        return units()[mark]
    scale = (match["scale"] or match["named_scale"] or match["only_scale"] or "")[:1].upper()
    return _CELSIUS if scale == "C" else _FAHRENHEIT if scale == "F" else _DEGREES


def _named(word: str, languages: Callable[[], frozenset[str]]) -> tuple[Unit, ...] | None:
    if word in _EXACT:
        return _EXACT[word]
    low = word.lower()
    only = _ONLY_IN.get(low)
    if only is not None and only not in languages():
        return None
    found = units().get(low)
    return found if found is not None or "/" not in low else units().get(low.partition("/")[0])


def magnitude_after(
    text: str, end: int, languages: Callable[[], frozenset[str]], *, is_money: bool
) -> tuple[float, int]:
    """Return the factor of a magnitude after a number, and its end; 1 without one."""
    match = _magnitude().match(text, end)
    if match is None:
        return 1.0, end
    word = match["word"]
    attached = text[end] == word[0]
    if is_money and word in ("m", "M", "B", "b", "MM"):
        return (1e9 if word in "Bb" else 1e6), match.end("word")
    if len(word) == 1 and not (attached and (word in "kK" or word > "\u3400")):
        if word in ("B", "M") and attached:
            return (1e9 if word == "B" else 1e6), match.end("word")
        return 1.0, end
    low = word.lower()
    if low not in MAGNITUDES and low[:4] != "bill" and low != "biljoen":
        return 1.0, end
    factor = magnitude(low, next(iter(languages()), "")) if low != "mm" else 0.0
    return (factor, match.end()) if factor else (1.0, end)


def currency_before(text: str, start: int) -> Beside | None:
    """Return the currency whose sign or code is before a number."""
    last = text[start - 1 : start]
    mark = text[start - 2 : start - 1] if last == " " else last
    if not (mark in CURRENCY_MARKS or mark.isupper() or mark == "o"):
        return None
    before = text[max(0, start - 6) : start]
    if mark and mark in CURRENCY_MARKS:
        place = start - len(before) + before.rindex(mark)
        letters = _letters_before().search(text[max(0, place - 2) : place])
        if mark == "$" and letters and letters[0] in _PREFIXED_DOLLARS:
            return Beside((Unit(MONEY, _PREFIXED_DOLLARS[letters[0]], 1.0),), place - len(letters[0]))
        return Beside(units()[mark], place)
    code = _code_before().search(before) if mark.isalpha() else None
    if code and code[1].lower() in currency_codes():
        return Beside(units()[code[1].lower()], start - len(before) + code.start(1))
    return None


def sign_before(text: str, start: int) -> int:
    """Return the place of a minus sign or of the word for it before a number; -1 without one."""
    last = text[start - 1 : start]
    if last == "-":
        before = text[max(0, start - 2) : start]
        return start - 1 if len(before) == 1 or before[-2] in " (\n:=€$£" or before[-2] > "\u3400" else -1
    if last and ((last == " " and text[start - 2] in "seoSEO") or last in "负下"):
        before = text[max(0, start - 10) : start]
        match = _minus().search(before)
        return start - len(before) + match.start("minus") if match else -1
    return -1


@cache
def _symbol() -> re.Pattern[str]:
    return re.compile(
        rf" ?(?:(?P<mark>[%{CURRENCY_MARKS}]|(?P<percent>per cento?|pour cent|por ciento|por cento)\b)"
        r"|°\s?(?P<scale>[CFcf]\b)?|-?(?:degrees?|grad|degrés?|grados?|grad[io]|graus?|graden)\b"
        r"(?: (?P<named_scale>celsius|fahrenheit|c\b|f\b))?|(?P<only_scale>celsius|fahrenheit)\b)",
        re.IGNORECASE,
    )


@cache
def _words() -> re.Pattern[str]:
    return re.compile(
        r" ?-?(?:de |d'|di )?(?P<first>[^\W\d_]+(?:/[^\W\d_]+)?2?|[x\u00d7]\b)(?:[ -](?P<second>[^\W\d_]+))?"
    )


@cache
def _magnitude() -> re.Pattern[str]:
    return re.compile(r" ?(?P<word>[万萬亿億千百]|[^\W\d_\u3400-\u9fff]+)\.?")


@cache
def _letters_before() -> re.Pattern[str]:
    return re.compile(r"[A-Z]{1,2}$")


@cache
def _code_before() -> re.Pattern[str]:
    return re.compile(r"(?<![^\W\d_])([^\W\d_]{2,5})\s?$")


@cache
def _minus() -> re.Pattern[str]:
    return re.compile(
        r"(?P<minus>\b(?:(?<!or )minus|negative|(?<!au )(?<!du )(?<!ou )(?<!à )(?<!al )(?<!lo )(?<!o )(?:moins"
        r"|menos|meno))\s|负|零下)$",
        re.IGNORECASE,
    )
