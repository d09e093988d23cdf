"""Patterns of personal data and secrets, joined into one regular expression."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import groupby
from typing import NamedTuple

KEEP = "keep"
_DOMAIN = r"(?:[\w-]+\.)+(?:xn--[\w-]+|[^\W\d_]{2,})\b"
_LOCAL = r"\w.!#$%&*+?^{|}~\-"
_NAMES = "password|passwd|pwd|passphrase|secret|client_secret|token|access_token|auth_token|api[_-]?key"
# Each group of patterns begins with a lookahead that rejects most positions of a text at once.
_STARTS = {"digit": r"(?=[\d+(])", "word": r"\b(?=\w)", "edge": r"(?<!\w)", "behind": r"(?<=[ /])", "any": ""}

# The length of an IBAN per country (registry of ISO 13616).
_IBAN_LENGTHS = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 "
    "FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 "
    "LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 "
    "SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20"
)


class _Pattern(NamedTuple):
    kind: str
    starts: str
    pattern: str


def _iban_pattern() -> str:
    """Return a regular expression for text with the length of an IBAN of its country, with or without groups."""
    of_length = defaultdict(list)
    for entry in _IBAN_LENGTHS.split():
        of_length[int(entry[2:])].append(entry[:2])
    ways = (
        rf"(?:{'|'.join(countries)})\d\d(?:[ -]?[A-Za-z\d]){{{length - 4}}}"
        for length, countries in sorted(of_length.items())
    )
    # The lookahead rejects most words before all countries are tried.
    return rf"(?=\w\w\d\d)(?i:{'|'.join(ways)})\b"


# Tried in this order at every position from the left; the first match wins. Text that matches KEEP is not redacted by
# any pattern below it. A group called `value` is the part to hide; the words before it only identify the kind. Each
# pattern begins with a lookbehind, so that a word of a million letters is scanned once and not from each letter.
_PATTERNS = (
    _Pattern(KEEP, "any", r"<(?:card|email|iban|id|ip|key|login|number|phone)-\d+>"),
    _Pattern("key", "any", r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"),
    _Pattern("key", "behind", r"(?<=[Bb]earer )[\w.~+/-]{16,}=*"),
    _Pattern("login", "behind", r"(?<=://)[^\s/@:<>]+(?::[^\s/@<>]*)?(?=@)"),
    _Pattern("key", "word", r"eyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?"),
    _Pattern(
        "key",
        "word",
        # Letters and digits are required: `key-results-2024` and `cr-2024-000123` are not keys.
        r"(?:(?:sk|pk|rk|gh[oprsu]|glpat|xox[abeprs])[-_]|(?:hs|cr|gsk|xai|hf|key|npm|github_pat)[-_](?=[\w*.-]{16}))"
        r"(?=[\w*.-]{0,40}(?:[A-Za-z]\d|\d[A-Za-z]))[\w*.-]{9,}[\w*]",
    ),
    _Pattern("key", "word", r"A[KS]IA[A-Z\d]{16}\b|AIza[\w-]{30,}"),
    _Pattern(
        "key",
        "word",
        rf"(?=[PpSsTtAaCc\u017f])(?i:{_NAMES})[\"']?\s?[=:]\s?[\"']?"
        r"(?P<value>(?=[^\s\"',;&<]{0,99}\d)(?=[^\s\"',;&<]{0,99}[A-Za-z])[^\s\"',;&<]{8,})",
    ),
    _Pattern("email", "edge", rf"(?<![{_LOCAL}])[{_LOCAL}]++(?:'[{_LOCAL}]++)*+@{_DOMAIN}"),
    _Pattern("email", "edge", rf"(?<![{_LOCAL}'/=`])[{_LOCAL}'/=`]*['/=`]@{_DOMAIN}"),
    _Pattern(
        "email",
        "edge",
        r"(?<![\w.+-])[\w.+-]++ ?[\[({] ?(?:at|AT) ?[\])}] ?"
        r"[\w-]+(?:(?:\.| ?[\[({] ?(?:dot|DOT) ?[\])}] ?)[\w-]+)+",
    ),
    _Pattern("id", "word", r"[\da-fA-F]{8}(?:-[\da-fA-F]{4}){3}-[\da-fA-F]{12}\b"),
    _Pattern("iban", "word", _iban_pattern()),
    _Pattern("ip", "edge", r"(?<![\w:.])(?=[\da-fA-F]{0,4}:[\da-fA-F]{0,4}:)[\da-fA-F:.]{0,44}[\da-fA-F:](?![\w:])"),
    _Pattern(KEEP, "word", r"(?=[\da-f]{0,11}[a-f])(?=[a-f]{0,11}\d)[\da-f]{12,}\b"),
    _Pattern(
        KEEP,
        "digit",
        r"(?<![\d./-])(?:\d{4}-\d\d?-\d\d?(?:[T ]\d\d?:\d\d(?::\d\d)?(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)?"
        r"|\d{4}[./]\d\d?[./]\d\d?|\d\d?[./-]\d\d?[./-](?:\d{4}|\d\d))(?![./-]?\d)",
    ),
    _Pattern("ip", "digit", r"(?<![\w.])(?<!ersion )(?:\d{1,3}\.){3}\d{1,3}(?!\.?\d)(?!\w)"),
    _Pattern("phone", "digit", r"(?<![\w+.])\+[1-9]\d{0,2}(?:[ ().\-/\u00a0]{0,3}\d){6,13}(?!\d)"),
    _Pattern("card", "digit", r"(?<![\d.])\d(?:[ -]?\d){12,18}(?![.,]?\d)"),
    _Pattern("phone", "digit", r"(?<![\w.,+-])00[1-9]\d{0,2}(?:[ ./-]?\d){6,12}(?!\d)"),
    _Pattern("phone", "digit", r"(?<![\w.-])(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![.,-]?\d)"),
    _Pattern("number", "digit", r"(?<![\w-])\d{3}-\d\d-\d{4}(?![\w-])"),
    _Pattern("phone", "digit", r"(?<![\w.,/:-])(?:\(0\d{1,4}\)|0\d{1,4})(?:(?: [/-] |[ ./-])\d{2,8}){1,5}(?![.,]?\d)"),
    _Pattern(
        KEEP,
        "digit",
        r"(?<![\d.,])[1-9]\d{0,2}(?:(?:,\d{3})+|(?:\.\d{3})+|(?:['\u2019]\d{3})+)(?:[.,]\d{1,2})?(?![.,]?\d)",
    ),
    _Pattern(KEEP, "digit", r"(?<![\d.,])\d{1,15}[.,]\d+(?![.,-]?\d)"),
    _Pattern("number", "digit", r"(?<!\d)\d{7,}(?!\d)"),
    _Pattern(
        "phone",
        "word",
        r"(?=[PpTtMmHhFfWwCc])(?i:phone|tel|telephone|telefon|mobile|mobil|handy|fax|whatsapp|call)\b[.:]?"
        r"(?: (?i:me|us|is|at|on|under|no|nr|number|nummer)[.:]?){0,3} ?"
        r"(?P<value>\(?\d(?:[ ().\-/]{0,2}\d){6,13})(?![.,]?\d)",
    ),
)


def joined() -> tuple[re.Pattern[str], dict[str, tuple[str, str]]]:
    """Return one expression of all patterns; each group name maps to its kind and to the group of its value."""
    groups: dict[str, tuple[str, str]] = {}
    parts = []
    for starts, patterns in groupby(enumerate(_PATTERNS), key=lambda numbered: numbered[1].starts):
        named = [_named(f"pii{number}", pii, groups) for number, pii in patterns]
        parts.append(f"{_STARTS[starts]}(?:{'|'.join(named)})")
    return re.compile("|".join(parts), re.DOTALL), groups


def _named(name: str, pii: _Pattern, groups: dict[str, tuple[str, str]]) -> str:
    value = f"{name}value" if "(?P<value>" in pii.pattern else name
    groups[name] = (pii.kind, value)
    return f"(?P<{name}>{pii.pattern.replace('(?P<value>', f'(?P<{value}>')})"
