"""The forms in which personal data and secrets turn up in texts, joined to one regular expression."""

from __future__ import annotations

import re
from itertools import groupby
from typing import NamedTuple

from pytest_graysplit.traffic.case_export.checksums import iban_pattern

KEEP = "keep"
_DOMAIN = r"(?:[\w-]+\.)+(?:xn--[\w-]+|[^\W\d_]{2,})\b"
_LOCAL = r"\w.!#$%&*+?^{|}~\-"
_NAMES = "password|passwd|pwd|passphrase|secret|client_secret|token|access_token|auth_token|api[_-]?key"
# What a form begins with, so that most letters of a text are passed by at one look.
_STARTS = {"digit": r"(?=[\d+(])", "word": r"\b(?=\w)", "any": ""}


class _Form(NamedTuple):
    kind: str
    starts: str
    pattern: str


# Tried in this order at every place of a text, from the left: what comes first keeps what follows from reading on.
# KEEP is read so that nothing below takes it for a number to hide. A group called `value` is the part to hide where the
# words before it only tell what it is. Each form begins where nothing like it stands in front, so that one long word of
# a million letters is looked at once and not from each of its letters.
_FORMS = (
    _Form(KEEP, "any", r"<(?:card|email|iban|id|ip|key|login|number|phone)-\d+>"),
    _Form("key", "any", r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"),
    _Form("key", "any", r"(?<=[Bb]earer )[\w.~+/-]{16,}=*"),
    _Form("login", "any", r"(?<=://)[^\s/@:<>]+(?::[^\s/@<>]*)?(?=@)"),
    _Form("key", "word", r"eyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?"),
    _Form(
        "key",
        "word",
        # Letters beside digits: `key-results-2024` and `cr-2024-000123` are none.
        r"(?:(?:sk|pk|rk|gh[oprsu]|glpat|xox[abeprs])[-_]|(?:hs|cr|gsk|xai|hf|key|npm|github_pat)[-_](?=[\w*.-]{16}))"
        r"(?=[\w*.-]{0,40}(?:[A-Za-z]\d|\d[A-Za-z]))[\w*.-]{9,}[\w*]",
    ),
    _Form("key", "word", r"A[KS]IA[A-Z\d]{16}\b|AIza[\w-]{30,}"),
    _Form(
        "key",
        "word",
        rf"(?i:{_NAMES})[\"']?\s?[=:]\s?[\"']?"
        r"(?P<value>(?=[^\s\"',;&<]{0,99}\d)(?=[^\s\"',;&<]{0,99}[A-Za-z])[^\s\"',;&<]{8,})",
    ),
    _Form("email", "any", rf"(?<![{_LOCAL}])[{_LOCAL}]+(?:'[{_LOCAL}]+)*@{_DOMAIN}"),
    _Form("email", "any", rf"(?<![{_LOCAL}'/=`])[{_LOCAL}'/=`]*['/=`]@{_DOMAIN}"),
    _Form(
        "email",
        "any",
        r"(?<![\w.+-])[\w.+-]+ ?[\[({] ?(?:at|AT) ?[\])}] ?"
        r"[\w-]+(?:(?:\.| ?[\[({] ?(?:dot|DOT) ?[\])}] ?)[\w-]+)+",
    ),
    _Form("id", "word", r"[\da-fA-F]{8}(?:-[\da-fA-F]{4}){3}-[\da-fA-F]{12}\b"),
    _Form("iban", "word", iban_pattern()),
    _Form("ip", "any", r"(?<![\w:.])(?=[\da-fA-F]{0,4}:[\da-fA-F]{0,4}:)[\da-fA-F:.]{0,44}[\da-fA-F:](?![\w:])"),
    _Form(KEEP, "word", r"(?=[\da-f]{0,11}[a-f])(?=[a-f]{0,11}\d)[\da-f]{12,}\b"),
    _Form(
        KEEP,
        "digit",
        r"(?<![\d./-])(?:\d{4}-\d\d?-\d\d?(?:[T ]\d\d?:\d\d(?::\d\d)?(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)?"
        r"|\d{4}[./]\d\d?[./]\d\d?|\d\d?[./-]\d\d?[./-](?:\d{4}|\d\d))(?![./-]?\d)",
    ),
    _Form("ip", "digit", r"(?<![\w.])(?<!ersion )(?:\d{1,3}\.){3}\d{1,3}(?!\.?\d)(?!\w)"),
    _Form("phone", "digit", r"(?<![\w+.])\+[1-9]\d{0,2}(?:[ ().\-/\u00a0]{0,3}\d){6,13}(?!\d)"),
    _Form("card", "digit", r"(?<![\d.])\d(?:[ -]?\d){12,18}(?![.,]?\d)"),
    _Form("phone", "digit", r"(?<![\w.,+-])00[1-9]\d{0,2}(?:[ ./-]?\d){6,12}(?!\d)"),
    _Form("phone", "digit", r"(?<![\w.-])(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![.,-]?\d)"),
    _Form("number", "digit", r"(?<![\w-])\d{3}-\d\d-\d{4}(?![\w-])"),
    _Form("phone", "digit", r"(?<![\w.,/:-])(?:\(0\d{1,4}\)|0\d{1,4})(?:(?: [/-] |[ ./-])\d{2,8}){1,5}(?![.,]?\d)"),
    _Form(
        KEEP,
        "digit",
        r"(?<![\d.,])[1-9]\d{0,2}(?:(?:,\d{3})+|(?:\.\d{3})+|(?:['\u2019]\d{3})+)(?:[.,]\d{1,2})?(?![.,]?\d)",
    ),
    _Form(KEEP, "digit", r"(?<![\d.,])\d{1,15}[.,]\d+(?![.,-]?\d)"),
    _Form("number", "digit", r"(?<!\d)\d{7,}(?!\d)"),
    _Form(
        "phone",
        "word",
        r"(?i:phone|tel|telephone|telefon|mobile|mobil|handy|fax|whatsapp|call)\b[.:]?"
        r"(?: (?i:me|us|is|at|on|under|no|nr|number|nummer)[.:]?){0,3} ?"
        r"(?P<value>\(?\d(?:[ ().\-/]{0,2}\d){6,13})(?![.,]?\d)",
    ),
)


def joined() -> tuple[re.Pattern[str], dict[str, tuple[str, str]]]:
    """Return one expression of all forms; the name of each group leads to its kind and to the group of its value."""
    groups: dict[str, tuple[str, str]] = {}
    parts = []
    for starts, forms in groupby(enumerate(_FORMS), key=lambda numbered: numbered[1].starts):
        named = [_named(f"form{number}", form, groups) for number, form in forms]
        parts.append(f"{_STARTS[starts]}(?:{'|'.join(named)})")
    return re.compile("|".join(parts), re.DOTALL), groups


def _named(name: str, form: _Form, groups: dict[str, tuple[str, str]]) -> str:
    value = f"{name}value" if "(?P<value>" in form.pattern else name
    groups[name] = (form.kind, value)
    return f"(?P<{name}>{form.pattern.replace('(?P<value>', f'(?P<{value}>')})"
