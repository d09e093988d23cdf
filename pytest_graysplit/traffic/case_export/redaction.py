"""Redact personal data in texts, and keep the meaning of a prompt: dates, prices, versions, order numbers.

Values with a fixed format are found by it, and checked by their checksum if they have one. Names, passwords and postal
addresses have no fixed format and stay. Each value becomes a placeholder such as `<email-1>`; the same value has the
same placeholder throughout a case.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from pytest_graysplit.traffic.case_export.pii_patterns import KEEP, joined

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_graysplit.types import Json, Message

# Every match contains at least one of these: a digit, @, ://, ::, PRIVATE KEY, "earer ", eyJ, AKIA, ASIA, AIza, or "at"
# in brackets (its domain may contain "dot" in brackets). The expression begins with one set of characters, because the
# search for a set is fast.
_SUSPECT = re.compile(
    r"[\d@:PeA\[({](?:(?<=[\d@])[\d@]*|(?<=:)(?://|:)|(?<=P)RIVATE KEY|(?<=e)(?:arer |yJ)"
    r"|(?<=A)(?:KIA|SIA|Iza)|(?<=[\[({]) ?(?:[aA][tT]|dot|DOT) ?[\])}])"
)
# Most texts have none of these, and are ASCII: the deletion of characters and plain words are much faster.
_DIGITS_AND_AT = b"0123456789@"
_MARKS = ("://", "::", "PRIVATE KEY", "earer ", "eyJ", "AKIA", "ASIA", "AIza")
_AT_IN_BRACKETS = re.compile(r"[\[({] ?[aA][tT] ?[\])}]")
# No match begins further before its first suspect word, or ends further behind its last one.
_REACH = 64
_DAY = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
_DATE = re.compile(r"\d{1,4}([./-])\d\d?\1\d{1,4}")
# A card or account number with a wrong checksum, for example a typo, is still redacted as a long number.
_LONG = re.compile(r"\d{7}|(?<!\d)(?!(?:(?:19|20)\d\d[ -]?){4})\d{4}(?:[ -]\d{4}){3}(?!\d)")
_UNTOUCHED = frozenset({"role", "type", "id", "tool_call_id"})
_ANY, _GROUPS = joined()


class PiiRedactor:
    """A redactor for the texts of one case; `found` counts the values of each kind."""

    def __init__(self) -> None:
        self._placeholders: dict[tuple[str, str], str] = {}
        self.found: dict[str, int] = {}

    def text(self, text: str) -> str:
        """Return the text with a placeholder for each value."""
        if not is_suspect(text):
            return text
        parts, done = [], 0
        for begin, end in _windows(text):
            parts += [text[done:begin], _ANY.sub(self._replace, text[begin:end])]
            done = end
        return "".join([*parts, text[done:]])

    def table(self, values: Mapping[str, Json]) -> dict[str, Json]:
        """Return an object with every text in it redacted, except ids that link messages to each other."""
        return {name: part if name in _UNTOUCHED else self._json(part) for name, part in values.items()}

    def message(self, message: Message) -> dict[str, Json]:
        """Return a message with every text redacted; a user's name becomes `person-1`, a form that relays accept."""
        name = message.get("name")
        if message.get("role") != "user" or not isinstance(name, str):
            return self.table(message)
        return {**self.table(message), "name": self._placeholder("person", name).strip("<>")}

    def _json(self, value: Json) -> Json:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return self.table(value)
        return [self._json(part) for part in value] if isinstance(value, list | tuple) else value

    def _replace(self, match: re.Match[str]) -> str:
        # The group that closed last is the outermost, which identifies the pattern.
        kind, group = _GROUPS[match.lastgroup or ""]
        if kind == KEEP:
            return match[0]
        value = match[group]
        normalised = _NORMALISED[kind](value) if kind in _NORMALISED else value
        if kind in ("card", "iban") and not normalised and _LONG.search(value):
            kind, normalised = "number", value
        if not normalised:
            return match[0]
        before = match.start(group) - match.start()
        return match[0][:before] + self._placeholder(kind, normalised) + match[0][before + len(value) :]

    def _placeholder(self, kind: str, normalised: str) -> str:
        known = self._placeholders.get((kind, normalised))
        if known is None:
            self.found[kind] = self.found.get(kind, 0) + 1
            known = self._placeholders[kind, normalised] = f"<{kind}-{self.found[kind]}>"
        return known


@lru_cache(maxsize=256)  # the system's words are the same in most requests
def is_suspect(text: str) -> bool:
    """Tell whether a text may contain personal data."""
    if not text.isascii():
        return bool(_SUSPECT.search(text))
    if len(text.encode().translate(None, _DIGITS_AND_AT)) < len(text):
        return True
    return any(mark in text for mark in _MARKS) or bool(_AT_IN_BRACKETS.search(text))


def _windows(text: str) -> list[tuple[int, int]]:
    """Return the parts of a text that may contain personal data, each from the begin of a word to the end of a word.

    The patterns take a hundred times as long as the search for suspect characters, which are rare in most texts.
    """
    if "PRIVATE KEY" in text:  # such a key has any length
        return [(0, len(text))]
    windows: list[tuple[int, int]] = []
    for found in _SUSPECT.finditer(text):
        end = _word_end(text, _word_end(text, found.end()) + _REACH)
        if windows and found.start() <= windows[-1][1]:
            begin = windows.pop()[0]
        else:
            begin = _word_begin(text, max(0, _word_begin(text, found.start()) - _REACH))
            if windows and begin <= windows[-1][1]:
                begin = windows.pop()[0]
        windows.append((begin, end))
    return windows


def _word_begin(text: str, at: int) -> int:
    return max(text.rfind(" ", 0, at), text.rfind("\n", 0, at)) + 1


def _word_end(text: str, at: int) -> int:
    ends = [end for end in (text.find(" ", at), text.find("\n", at)) if end >= 0]
    return min(ends, default=len(text))


def _email(value: str) -> str:
    return "" if value.startswith("git@") else value.casefold()


def _card(value: str) -> str:
    digits = _digits(value)
    return digits if fits_luhn(digits) else ""


def _iban(value: str) -> str:
    compact = value.replace(" ", "").replace("-", "").upper()
    return compact if fits_iban(compact) else ""


# The checksums are a few lines each: the library that has them all, python-stdnum, is under the LGPL.
def fits_iban(compact: str) -> bool:
    """Tell whether an IBAN, without spaces, has the right check digits (ISO 7064, mod 97-10)."""
    rearranged = compact[4:] + compact[:4]
    return compact.isascii() and int("".join(str(int(letter, 36)) for letter in rearranged)) % 97 == 1


def fits_luhn(digits: str) -> bool:
    """Tell whether the last digit of a card number is the right one (ISO/IEC 7812-1)."""
    doubled = (2 * int(digit) for digit in digits[-2::-2])
    return (sum(map(int, digits[::-2])) + sum(value - 9 if value > 9 else value for value in doubled)) % 10 == 0


def _address(value: str) -> str:
    try:
        address = ipaddress.ip_address(value.strip("."))
    except ValueError:
        return ""
    # Loopback, unspecified addresses and masks are not personal. `ab::cd` is a name in many programs.
    impersonal = address.is_loopback or address.is_unspecified or value.startswith("255.")
    return "" if impersonal or not re.search(r"\d", value) else str(address)


def _phone(value: str) -> str:
    digits = _digits(value)
    if _DATE.fullmatch(value) or digits.endswith("0000") or not 7 <= len(digits) <= 15:
        return ""
    # With a leading zero, fewer than nine digits can also be the parts of a date.
    return "" if digits[0] == "0" and digits[1] != "0" and len(digits) < 9 else digits


def _number(value: str) -> str:
    """Ignore round numbers, such as a million, and dates without separators."""
    return "" if value.endswith("000") or _DAY.fullmatch(value) else value


def _digits(value: str) -> str:
    return re.sub(r"\D", "", value)


# Normalise the spellings of a value; "" means that the text is not such a value after all.
_NORMALISED: Mapping[str, Callable[[str], str]] = {
    "email": _email, "card": _card, "iban": _iban, "ip": _address, "phone": _phone, "number": _number,
}  # fmt: skip
