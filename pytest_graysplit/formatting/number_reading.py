"""Numbers as texts write them: separators of several countries, signs, currencies, exponents, fractions, magnitudes.

A point or a comma before exactly three digits can mean thousands or decimals. The rest of the text decides: another
number, a currency, the language. Without any of them it is read as in English.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal, DecimalException
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.formatting.plain_text import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

_SYMBOLS = r"(?:US|CA|A|C|R|HK|NZ)?\$|[€£¥₹₩₽₺₴₪฿₫₱¢]"
_CODES = r"EUR|USD|GBP|CHF|JPY|CNY|INR|CAD|AUD|SEK|NOK|DKK|PLN|CZK|HUF|TRY|BRL|MXN|KRW|RUB|UAH|ZAR|NZD|SGD|HKD"
CURRENCY = rf"(?:{_SYMBOLS}|\b(?:{_CODES})\b|\b(?:{_CODES})(?=[\d.-])|\b(?:Rs\.?|kr\.?)(?=\s?\d))"
_CURRENCY_AFTER = re.compile(
    rf"[ ]?(?:{_SYMBOLS}|(?:{_CODES}|euros?|dollars?|pounds?|Euro|kr|zł|元|円|원)(?!\w))"
    r"(?!\s*/|\s+(?:per|pro|par|por)\b)"
)
# One number. The separators between groups of three digits are the same; a list such as 1,2,3 is left to three numbers.
_BODY = (
    r"\d{1,3}(?:(?P<group>[,.'_ ])\d{3})(?:(?P=group)\d{3})*(?!\d)(?:(?!(?P=group))[.,]\d+)?"
    r"|\d{1,2}(?:,\d{2})+,\d{3}(?!\d)(?:\.\d+)?|\d+(?:[.,]\d+)?|[.,]\d+|[½⅓⅔¼¾⅛]"
)
_LIST = re.compile(r"(?<![\d.,])\d{1,9}(?:,\d{1,9}){2,}+(?![\d,])")
_IN_GROUPS = re.compile(r"\d{1,3}(?:,\d{3})+|\d{1,2}(?:,\d{2})+,\d{3}")
_NUMBER = re.compile(
    rf"(?P<before>{CURRENCY}[ ]?)?(?P<sign>(?<![\w)%\]])[-+]|\b(?:minus|negative)[ ])?(?P<inner>{CURRENCY}[ ]?)?"
    rf"(?P<body>{_BODY})"
    r"(?P<exponent>[eE][-+]?\d{1,6}(?!\w)"
    r"|[ ]?(?:[x*×·]|\\times|\\cdot)[ ]?10[ ]?\^[ ]?\{?[-+]?\d{1,6}\}?)?"  # noqa: RUF001 - signs of multiplication
    r"(?P<power>\^\{?-?\d{1,3}\}?)?(?P<half>[½⅓⅔¼¾⅛])?"
    r"(?P<part>(?:[ ](?P<top>\d{1,4}))?[ ]?/[ ]?(?P<bottom>\d{1,4})(?![/.,]?\d))?"
)
_HALVES = "½⅓⅔¼¾⅛"
_MAGNITUDES = {
    100: "hundred|hundert",
    1000: "thousand|tausend|tsd|mil|mila|duizend|千",
    10_000: "万|萬",
    100_000: "lakh|lakhs",
    1_000_000: "millions?|millionen|mio|mln|mn|millón|millones|milion[ei]|milhão|milhões|miljoen|百万",
    10_000_000: "crores?",
    100_000_000: "亿|億",
    10**9: "billions?|bn|milliarden?|mrd|milliards?|mil millones|miliard[oi]|bilhão|bilhões|miljard",
    10**12: "trillions?|billionen",
    12: "dozen|dutzend",
}
_MAGNITUDE = re.compile(
    "[ -]?(?:"
    + "|".join(f"(?P<x{size}>{words})" for size, words in reversed(_MAGNITUDES.items()))
    + r")(?![^\W\d_])\.?",
    re.IGNORECASE,
)
# Dates, times, versions and addresses are never read as numbers.
_NO_NUMBER = re.compile(
    r"\d{4}-\d{2}(?:-\d{2}(?:[T ]\d{2}:\d{2}\S*)?)?(?![\d-])|\b\d{1,2}([./-])\d{1,2}\1(?:\d{4}|\d{2})\b(?![.,]?\d)"
    r"|\b\d{1,9}(?::\d{1,9})+\b"
    r"|\bv?\d{1,9}(?:\.\d{1,9}){2,}\b(?<!\.\d{3})|https?://\S+|[\w.+-]{1,64}@[\w.-]+|\b[0-9a-f]{8}-[0-9a-f-]{27}"
    r"|\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.? \d{1,2}(?:st|nd|rd|th)?(?:,? \d{4})?\b"
    r"|\b\d{1,2}(?:st|nd|rd|th|\.)? (?:Jan|Feb|Mar|Mär|Apr|May|Mai|Jun|Jul|Aug|Sep|Oct|Okt|Nov|Dec"
    r"|Dez)[a-zä]*\.?,?(?: \d{4})?\b"
)
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_RAISED = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺]+")
_LATEX = re.compile(r"\\frac\{(\d+)\}\{(\d+)\}|(?<=\d)\{,\}(?=\d)|\\(?=[$%])|\\[,;!](?=\d)")
_LABEL_BEFORE = re.compile(r"(?:(?<!#)#|[^\W\d_][-_]?|[^\W\d_]\d*[-.]|\^\{?-?|_)$")
_LIST_MARK = re.compile(r"^[ \t]*$", re.MULTILINE)
_YEAR_BEFORE = re.compile(r"\b(?:in|since|by|of|until|im Jahr|seit|en|depuis|desde|nel|em)\s$", re.IGNORECASE)
# Words that show how a text writes decimals.
_WITH_COMMA = re.compile(
    r"\b(?:der|das|und|ist|sind|beträgt|kostet|insgesamt|etwa|rund|genau|ergebnis|antwort|le|les|est|sont|coûte"
    r"|réponse|el"
    r"|los|es|son|cuesta|respuesta|il|è|sono|risposta|custa|são|resposta|het|een|zijn|kost|antwoord|och|är|jest"
    r"|wynosi)\b"
)
_WITH_POINT = re.compile(r"\b(?:the|is|are|and|answer|total|of|it|costs|was|equals|result|approximately)\b")


class Quantity(NamedTuple):
    """A number in a text: its value, its place, and whether it may be a label and not a quantity."""

    value: Decimal
    begin: int
    end: int
    written: str
    is_label: bool


def plain_numbers(text: str) -> str:
    """Return the text in the form that `quantities` reads."""
    text = plain(text.replace("\u2014", " - ").replace("\u2044", "/"))
    if not text.isascii():
        text = _RAISED.sub(lambda found: "^" + found[0].translate(_SUPERSCRIPTS), text)
        text = "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in text)
        text = text.replace("\u066b", ".").replace("\u066c", ",").replace("（", "(").replace("，", ", ")  # noqa: RUF001 - marks of Chinese
    return _LATEX.sub(lambda found: f"{found[1]}/{found[2]}" if found[1] else "", text)


def quantities(text: str, language: str | None = None) -> list[Quantity]:
    """Return the numbers of a text from `plain_numbers`, in their order; `language` is that of the text, if known."""
    masked = _NO_NUMBER.sub(lambda found: "\0" * len(found[0]), text)
    masked = _LIST.sub(lambda list_: list_[0] if _IN_GROUPS.fullmatch(list_[0]) else list_[0].replace(",", ";"), masked)
    found = [number for number in _NUMBER.finditer(masked) if not _is_chained(number, masked)]
    has_comma = _decimal_comma([number["body"] for number in found], text, language)
    return list(_read(found, masked, has_comma=has_comma))


def is_near(value: Decimal, wanted: Decimal, tolerance: Decimal) -> bool:
    """Tell whether a number is within the tolerance, without an error of rounding."""
    return value == wanted or (bool(tolerance) and wanted - tolerance <= value <= wanted + tolerance)


def _read(found: list[re.Match[str]], text: str, *, has_comma: bool) -> Iterator[Quantity]:
    for number in found:
        end, factor = number.end(), Decimal(1)
        money = bool(number["before"] or number["inner"])
        if magnitude := _magnitude_at(text, end, money=money):
            factor, end = magnitude
        is_money = money or bool(_CURRENCY_AFTER.match(text, end))
        try:
            value = _value_of(number, has_comma=has_comma, is_money=is_money) * factor
        except (DecimalException, ValueError, ZeroDivisionError):
            continue
        yield Quantity(value, number.start(), end, text[number.start() : end].strip(), _is_label(number, text, end))


def _is_chained(number: re.Match[str], text: str) -> bool:
    """Tell whether the number is a part of a longer one that has no value, such as 1.250.5.6."""
    after = text[number.end() : number.end() + 2]
    return after[:1] == "." and after[1:].isdigit() and "." in number["body"]


def _value_of(number: re.Match[str], *, has_comma: bool, is_money: bool) -> Decimal:
    if number["body"] in _HALVES:
        return Decimal(str(unicodedata.numeric(number["body"])))
    value = Decimal(_digits(number["body"], has_comma=has_comma, is_money=is_money))
    if number["exponent"]:
        power = re.search(r"[-+]?\d+\}?$", number["exponent"])
        value = value.scaleb(int(power[0].rstrip("}"))) if power else value
    if number["power"]:
        value = value ** int(number["power"].strip("^{}"))
    if number["half"]:
        value += Decimal(str(unicodedata.numeric(number["half"])))
    if number["part"]:
        top = number["top"]
        value = value + Decimal(top) / Decimal(number["bottom"]) if top else value / Decimal(number["bottom"])
    return -value if _is_negative(number) else value


def _is_negative(number: re.Match[str]) -> bool:
    sign = (number["sign"] or "").strip()
    if sign in ("", "+", "-"):
        return sign == "-"
    # In "10 minus 5" the word is an operation.
    return not re.search(r"[\d)]\s*$", number.string[max(0, number.start() - 8) : number.start()])


def _digits(body: str, *, has_comma: bool, is_money: bool) -> str:
    """Return the digits of a number with a decimal point, and without other separators."""
    bare = re.sub("[ '_]", "", body)
    point, comma = bare.rfind("."), bare.rfind(",")
    if point >= 0 and comma >= 0:
        decimal = max(point, comma)
    elif point < 0 and comma < 0:
        return bare
    else:
        decimal = max(point, comma)
        mark, whole = bare[decimal], bare[:decimal]
        if bare != body:  # other separators group the digits
            thousands = False
        elif bare.count(mark) > 1:
            thousands = True
        elif is_ambiguous(bare):
            thousands = is_money or (mark == ".") == has_comma
        else:
            thousands = False
        if thousands:
            return bare.replace(mark, "")
        return f"{whole or '0'}.{bare[decimal + 1 :]}"
    whole = re.sub("[.,]", "", bare[:decimal])
    return f"{whole}.{bare[decimal + 1 :]}"


def is_ambiguous(body: str) -> bool:
    """Tell whether digits with one separator can be thousands as well as decimals: 1.250, but not 0.250."""
    return bool(re.fullmatch(r"[1-9]\d{0,2}[.,]\d{3}", body))


def _decimal_comma(bodies: list[str], text: str, language: str | None) -> bool:
    """Tell whether the text writes decimals with a comma."""
    votes = {_vote(body) for body in bodies} - {None}
    if len(votes) == 1:
        return votes == {True}
    if language is not None:
        return language not in ("en", "zh", "ja", "ko", "th", "hi", "he", "ar", "ms")
    small = text[:5000].lower()
    return bool(_WITH_COMMA.search(small)) and not _WITH_POINT.search(small)


def _vote(body: str) -> bool | None:
    """Tell whether one number shows a decimal comma; None if it does not show."""
    marks = re.findall("[.,]", body)
    if not marks or is_ambiguous(body):
        return None
    if len(marks) > 1 and len(set(marks)) == 1:
        return str(marks[0]) == "."
    return str(marks[-1]) == ","


def _magnitude_at(text: str, at: int, *, money: bool) -> tuple[Decimal, int] | None:
    """Return the factor behind a number, such as that of "million", and the position after it."""
    if short := re.compile(r"[kK](?![^\W_])|M(?![^\W_])" + (r"|[mB](?![^\W_])" if money else "")).match(text, at):
        return {"k": Decimal(1000), "m": Decimal(10**6), "b": Decimal(10**9)}[short[0].lower()], short.end()
    if (word := _MAGNITUDE.match(text, at)) and word.lastgroup:
        factor, end = Decimal(word.lastgroup[1:]), word.end()
        # "2 hundred thousand", "3 mil millones"
        more = _magnitude_at(text, end, money=money)
        return (factor * more[0], more[1]) if more else (factor, end)
    return None


def _is_label(number: re.Match[str], text: str, end: int) -> bool:
    """Tell whether a number may be a name: of an order, of a list item, of a model, of a year."""
    if number["before"] or number["inner"]:
        return False
    begin = number.start("body") if number["sign"] is None else number.start("sign")
    before = text[max(0, begin - 16) : begin]
    if _LABEL_BEFORE.search(before) and not re.search(r"[\u2e80-\uffff]$", before):
        return True
    line = text.rfind("\n", 0, begin) + 1
    if not text[line:begin].strip(" \t*_>(") and re.match(r"[.):]\**[ \t]+\S", text[end : end + 8]):
        return True
    if re.match(r"(?:st|nd|rd|th)\b", text[end : end + 4]):
        return True
    return bool(re.fullmatch(r"(?:19|20)\d\d", number["body"]) and _YEAR_BEFORE.search(before))
