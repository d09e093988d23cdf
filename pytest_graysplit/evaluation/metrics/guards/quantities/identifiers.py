"""Identifiers of a text, in one spelling: e-mail addresses, URLs, phone numbers, IBANs, codes such as INV-2024-0017."""

from __future__ import annotations

import re
from functools import cache
from itertools import islice
from typing import NamedTuple

from pytest_graysplit.evaluation.metrics.guards.quantities.tables.units import currency_codes, units

EMAIL, URL, PHONE, CODE = "e-mail", "URL", "phone", "code"
IDENTIFIERS = frozenset((EMAIL, URL, PHONE, CODE))
_LONGEST, _MOST = 40, 500
_SAME_DIGITS = 8


class Identifier(NamedTuple):
    """An identifier: its kind, the spelling that equal ones share, and its place."""

    kind: str
    key: str
    start: int
    end: int


def addresses(text: str) -> list[Identifier]:
    """Return the e-mail addresses and URLs of the text, in their order."""
    if "@" not in text and "://" not in text and "www." not in text.lower():
        return []
    found = []
    for match in islice(_address().finditer(text), _MOST):
        written = match[0].rstrip(".,;:!?)]}>'\"*_")
        if match["mail"]:
            found.append(Identifier(EMAIL, written.lower(), match.start(), match.start() + len(written)))
        else:
            found.append(Identifier(URL, _url(written), match.start(), match.start() + len(written)))
    return found


def _url(written: str) -> str:
    """Return the URL without scheme, "www." and a slash at the end; the host in lower case."""
    rest = re.sub(r"^[a-z]+://", "", written, flags=re.IGNORECASE)
    host, slash, path = rest.partition("/")
    return (host.lower().removeprefix("www.") + slash + path).rstrip("/")


def code_at(text: str, start: int, end: int) -> Identifier | None:
    """Return the identifier that has the figures at this place as a part, if letters are joined to them."""
    before = text[start - 1 : start] if start else ""
    if before == "+" or (text[start] == "0" and end - start >= 2) or before == "(":
        return _phone_at(text, start - 1 if before in ("+", "(") else start) or _joined(text, start, end)
    if match := _dashed_phone().match(text, start):
        return _phone(match)
    return _joined(text, start, end)


def _joined(text: str, start: int, end: int) -> Identifier | None:
    head, tail = _head(text, start), _tail().match(text, end)
    rest = tail[0] if tail else ""
    if not head and not _is_mixed(rest):
        return None
    if head and (head.lower() in currency_codes() or head in ("v", "V", "x", "X")):
        return None
    begin = start - len(head)
    if match := _iban().match(text, begin):
        return Identifier(CODE, match[0].replace(" ", "").upper(), begin, match.end())
    return Identifier(CODE, text[begin : end + len(rest)].upper().replace("_", "-"), begin, end + len(rest))


def _head(text: str, start: int) -> str:
    """Return the letters, digits and hyphens before the figures, if they begin a code."""
    place = start
    while place > max(0, start - _LONGEST) and (
        (mark := text[place - 1]) in "-_/" or (mark.isalnum() and mark < "\u3400")
    ):
        place -= 1
    head = text[place:start].lstrip("-_/")
    if not any(letter.isalpha() for letter in head):
        return ""
    return "" if head.islower() and head[-1] in "-_/" else head  # "mid-2020" is a year


def _is_mixed(tail: str) -> bool:
    """Tell whether letters and digits follow each other: "12ab34" is a code, "5mg" and "10am-5pm" are not."""
    match = _letter_digit().match(tail)
    return match is not None and (
        match["more"] is not None
        or not (match["letters"].lower() in units() or match["letters"].lower() in ("am", "pm"))
    )


def _phone_at(text: str, start: int) -> Identifier | None:
    match = _phone_number().match(text, start)
    return _phone(match) if match else None


def _phone(match: re.Match[str]) -> Identifier | None:
    digits = re.sub(r"\D", "", match[0])
    if not 7 <= len(digits) <= 15:
        return None
    # A country code stands for the zero at the start, so only the digits after both are compared.
    return Identifier(PHONE, digits[-_SAME_DIGITS:], match.start(), match.end())


def shape(key: str) -> str:
    """Return the pattern of letters and digits: two codes of one pattern name things of one kind."""
    return re.sub(r"[A-Za-z]+", "a", re.sub(r"\d+", "0", key))


@cache
def _address() -> re.Pattern[str]:
    # The lengths are bounded, so that a text of one long word takes linear time.
    return re.compile(
        r"(?P<mail>(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,6})"
        r"|(?:\b[a-z]{2,8}://|\bwww\.)[^\s<>\"'`\]]{1,300}",
        re.IGNORECASE,
    )


@cache
def _tail() -> re.Pattern[str]:
    return re.compile(r"(?:[-_/]?[A-Za-z0-9]{1,40}+){0,10}+")


@cache
def _letter_digit() -> re.Pattern[str]:
    return re.compile(r"(?P<letters>[A-Za-z]+)(?:(?P<more>\d+-?[A-Za-z])|(?<=[A-Z])-?\d)")


@cache
def _iban() -> re.Pattern[str]:
    return re.compile(r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3}\b)?")


@cache
def _phone_number() -> re.Pattern[str]:
    return re.compile(r"[+(]?\d{1,8}+\)?(?:[ ./-]{1,2}\(?\d{1,8}+\)?){0,6}(?![\d:])")


@cache
def _dashed_phone() -> re.Pattern[str]:
    return re.compile(r"\d{3}[-. ]\d{3}[-. ]\d{4}(?!\d)|\d{3}-\d{4}(?![\d-])")
