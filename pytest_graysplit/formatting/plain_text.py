"""Plain forms of texts: composed accents, and plain quotes, dashes and spaces, so that equal readings are equal."""

from __future__ import annotations

import re
import unicodedata

# Characters that look like a plain one, by their plain form. Languages and word processors choose between them.
_SINGLE_QUOTES = "\u2018\u2019\u201a\u201b\u2039\u203a\u02bc\u00b4\uff07"
_DOUBLE_QUOTES = "\u201c\u201d\u201e\u201f\u00ab\u00bb\uff02"
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
_SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
# Characters that take no space: soft hyphens, joiners, marks of direction, selectors, and the byte order mark.
_UNSEEN = (
    "\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2062\u2063"
    "\u2064\u2066\u2067\u2068\u2069\ufe0e\ufe0f\ufeff"
)
_PLAIN_OF = {
    **dict.fromkeys(map(ord, _SINGLE_QUOTES), "'"),
    **dict.fromkeys(map(ord, _DOUBLE_QUOTES), '"'),
    **dict.fromkeys(map(ord, _DASHES), "-"),
    **dict.fromkeys(map(ord, _SPACES), " "),
    **dict.fromkeys(map(ord, _UNSEEN), ""),
}
# An escape of a pattern, or a character behind an even number of backslashes.
_TOKEN = re.compile(
    r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|N\{[^}]*+\}|.)|.",
    re.DOTALL,
)


def plain(text: str) -> str:
    r"""Return the text as it is compared: in NFC, with plain quotes, dashes and spaces, without invisible characters.

    >>> plain("Zu\u0308rich \u2013 \u201cthe\u00a0city\u201d"), plain("re\u00adfund\u200b")
    ('Zürich - "the city"', 'refund')
    """
    if text.isascii():
        return text
    # The invisible characters go first: one between a letter and its accent keeps them from being composed.
    return unicodedata.normalize("NFC", text.translate(_PLAIN_OF))


def folded(text: str) -> str:
    """Return the plain form without differences of case.

    >>> folded("Straße"), folded("İSTANBUL")
    ('strasse', 'istanbul')
    """
    # The dotted capital I of Turkish becomes i with a combining dot.
    return unicodedata.normalize("NFC", plain(text).casefold().replace("i\u0307", "i"))


def plain_pattern(pattern: str) -> str:
    r"""Return a regular expression for plain texts, also where it names typographic characters by escapes.

    >>> print(plain_pattern("10\u201320\u00a0km"), plain_pattern(r"\u2019s"))
    10\-20\ km 's
    """
    if pattern.isascii() and "\\" not in pattern:
        return pattern
    return unicodedata.normalize("NFC", _TOKEN.sub(_plain_token, pattern))


def is_about_typography(text: str) -> bool:
    r"""Tell whether an expectation is about typographic characters: it has some, and no letter or digit.

    >>> is_about_typography("\u2014"), is_about_typography("-"), is_about_typography("30\u201340")
    (True, False, False)
    """
    return not text.isascii() and not any(map(str.isalnum, text)) and plain(text) != unicodedata.normalize("NFC", text)


def pattern_is_about_typography(pattern: str) -> bool:
    r"""Tell the same of a regular expression, whose escapes may name characters.

    >>> pattern_is_about_typography(r"[\u2013\u2014]"), pattern_is_about_typography(r"\d\u2013\d")
    (True, True)
    """
    named = "".join(_named(token) or " " if len(token) > 1 else token for token in _TOKEN.findall(pattern))
    return is_about_typography(named)


def _plain_token(token: re.Match[str]) -> str:
    char = _named(token[0]) if len(token[0]) > 1 else token[0]
    if char is None or ord(char) not in _PLAIN_OF:
        return token[0]
    plain_char = _PLAIN_OF[ord(char)]
    # A dash would form a range between brackets, and a space means nothing in a verbose pattern.
    return f"\\{plain_char}" if plain_char in ("-", " ") else plain_char


def _named(token: str) -> str | None:
    """Return the character that an escape of a pattern stands for; None for a class, such as that of digits."""
    kind, rest = token[1], token[2:]
    if kind in "xuU" and rest:
        code = int(rest, 16)
        return chr(code) if code <= 0x10FFFF else None
    if kind == "N" and rest:
        try:
            return unicodedata.lookup(rest[1:-1])
        except KeyError:
            return None
    return None if kind.isalnum() else kind
