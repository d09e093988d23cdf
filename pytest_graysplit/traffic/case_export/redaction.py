"""Takes personal data out of texts, and leaves what a prompt means: dates, prices, versions, order numbers.

What has a form is found by its form, and by its checksum where it has one. Names, passwords and postal addresses have
none: they stay. Each value becomes a placeholder such as `<email-1>`, the same value the same one throughout a case.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from pytest_graysplit.traffic.case_export.checksums import fits_iban, fits_luhn
from pytest_graysplit.traffic.case_export.pii_patterns import KEEP, joined

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_graysplit.types import Json, Message

# None of the forms is in a text without one of these.
_SUSPECT = re.compile(r"\d|@|://|(?i:[\[({] ?at ?[\])}])|PRIVATE KEY|earer |eyJ|::")
_DAY = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
_DATE = re.compile(r"\d{1,4}([./-])\d\d?\1\d{1,4}")
# What was written as a card or an account is a long number too where its checksum is wrong, as by a slip of the finger.
_LONG = re.compile(r"\d{7}|(?<!\d)(?!(?:(?:19|20)\d\d[ -]?){4})\d{4}(?:[ -]\d{4}){3}(?!\d)")
_UNTOUCHED = frozenset({"role", "type", "id", "tool_call_id"})
_ANY, _GROUPS = joined()


class Scrubber:
    """Takes personal data out of the texts of one case; `found` tells how many values of each kind it has met."""

    def __init__(self) -> None:
        self._placeholders: dict[tuple[str, str], str] = {}
        self.found: dict[str, int] = {}

    def text(self, text: str) -> str:
        """Return the text with a placeholder for each value."""
        return _ANY.sub(self._replace, text) if _SUSPECT.search(text) else text

    def table(self, values: Mapping[str, Json]) -> dict[str, Json]:
        """Return an object with every text in it scrubbed, apart from what ties messages together."""
        return {name: part if name in _UNTOUCHED else self._json(part) for name, part in values.items()}

    def message(self, message: Message) -> dict[str, Json]:
        """Return a message with every text in it scrubbed; who speaks becomes `person-1`, as relays take names."""
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
        # The group that closed last is the outermost, which stands for the form.
        kind, group = _GROUPS[match.lastgroup or ""]
        if kind == KEEP:
            return match[0]
        value = match[group]
        meant = _MEANT[kind](value) if kind in _MEANT else value
        if kind in ("card", "iban") and not meant and _LONG.search(value):
            kind, meant = "number", value
        if not meant:
            return match[0]
        before = match.start(group) - match.start()
        return match[0][:before] + self._placeholder(kind, meant) + match[0][before + len(value) :]

    def _placeholder(self, kind: str, meant: str) -> str:
        known = self._placeholders.get((kind, meant))
        if known is None:
            self.found[kind] = self.found.get(kind, 0) + 1
            known = self._placeholders[kind, meant] = f"<{kind}-{self.found[kind]}>"
        return known


def _email(value: str) -> str:
    return "" if value.startswith("git@") else value.casefold()


def _card(value: str) -> str:
    digits = _digits(value)
    return digits if fits_luhn(digits) else ""


def _iban(value: str) -> str:
    compact = value.replace(" ", "").replace("-", "").upper()
    return compact if fits_iban(compact) else ""


def _address(value: str) -> str:
    try:
        address = ipaddress.ip_address(value.strip("."))
    except ValueError:
        return ""
    # Nobody's address: this machine, none at all, a mask. And `ab::cd` is a name in many programs.
    spared = address.is_loopback or address.is_unspecified or value.startswith("255.")
    return "" if spared or not re.search(r"\d", value) else str(address)


def _phone(value: str) -> str:
    digits = _digits(value)
    if _DATE.fullmatch(value) or digits.endswith("0000") or not 7 <= len(digits) <= 15:
        return ""
    # With a leading zero, fewer than nine digits are as well the parts of a date.
    return "" if digits[0] == "0" and digits[1] != "0" and len(digits) < 9 else digits


def _number(value: str) -> str:
    """Leave what is round, such as a million, and days written in one."""
    return "" if value.endswith("000") or _DAY.fullmatch(value) else value


def _digits(value: str) -> str:
    return re.sub(r"\D", "", value)


# What makes two spellings one value; "" is no such value after all.
_MEANT: Mapping[str, Callable[[str], str]] = {
    "email": _email, "card": _card, "iban": _iban, "ip": _address, "phone": _phone, "number": _number,
}  # fmt: skip
