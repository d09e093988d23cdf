"""Escapes for foreign text: characters that a terminal, a browser or a CI runner would obey become visible."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# Characters that move the cursor, begin an escape sequence, change the direction of writing, end a line in some
# programs only, take no space, or cannot be written in UTF-8 or XML. Tab and newline are allowed; joiners have their
# own rules.
_UNSEEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufdd0-\ufdef\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
# Those of them that Python considers printable.
_BLANK_LETTERS = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\u180b\u180c\u180d\u180f"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
_BLANKS = " \t\xa0\u1680\u2000-\u200a\u202f\u205f\u3000"
_SELECTORS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
# Persian, the scripts of India and emoji need joiners between their characters; elsewhere joiners only hide.
_JOINED = "\u0300-\u034e\u0600-\u1cff\u2190-\u2bff\ua800-\uabff\ufe0f\U0001f000-\U0001faff"


def visible(text: str) -> str:
    r"""Return the text with control and invisible characters, except newlines, escaped.

    A line that a CI runner would run as a command is escaped too. Applying it twice changes nothing.

    >>> print(visible("\x1b[2Jsafe\u202eefas\r::error::gone"))
    \x1b[2Jsafe\u202eefas\x0d::error::gone
    >>> print(visible("Done.\n::set-output name=a::b"))
    Done.
    \x3a:set-output name=a::b
    """
    return _escaped(text, _escape)


def unhidden(text: str) -> str:
    """Return the text escaped for a browser, where no CI runner looks for commands."""
    return text if _is_plain(text) else _unseen().sub(_escape, text.replace("\r\n", "\n"))


def on_one_line(text: str) -> str:
    r"""Return the text escaped for a name inside a sentence, with newlines and tabs escaped too.

    >>> print(on_one_line("gpt\n::error::x"))
    gpt\n\x3a:error::x
    """
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def visible_json(text: str) -> str:
    r"""Return JSON with the same meaning, without characters that a terminal or a CI runner would obey.

    >>> print(visible_json('{"text": "\x9b2J ##vso[task]"}'))
    {"text": "\u009b2J #\u0023vso[task]"}
    """
    return _escaped(text, _escape_in_json)


def _escaped(text: str, escaped: Callable[[re.Match[str]], str]) -> str:
    if not _is_plain(text):
        text = _unseen().sub(escaped, text.replace("\r\n", "\n"))
    return _commands().sub(escaped, text) if "::" in text or "##" in text else text


def _is_plain(text: str) -> bool:
    """Tell quickly, without a pattern, that a text needs no escapes; most texts do not."""
    letters = text.replace("\n", "").replace("\t", "")
    return letters.isprintable() and (letters.isascii() or _BLANK_LETTERS.isdisjoint(letters))


@cache
def _commands() -> re.Pattern[str]:
    # GitHub trims a line before it looks for ::, and like some others it finds ##[ anywhere in a line. A line may be
    # wrapped later, so a word that begins a command is escaped anywhere.
    return re.compile(rf"^(?P<blank>[{_BLANKS}]*):(?=:)|(?<=\s):(?=:\w)|(?<=#)#(?=\[|\w+\[)", re.MULTILINE)


@cache
def _unseen() -> re.Pattern[str]:
    # Built for the first unusual text: it takes 10 ms, and most runs have no such text.
    joiners = f"(?<![{_JOINED}])[\u200c\u200d]|[\u200c\u200d](?![{_JOINED}])"
    return re.compile(f"[{_UNSEEN}]|{joiners}|(?<=[{_SELECTORS}])[{_SELECTORS}]")


def _escape(found: re.Match[str]) -> str:
    char = found[0][-1]
    code = ord(char)
    escaped = f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return f"{found[0][:-1]}{escaped}"


def _escape_in_json(found: re.Match[str]) -> str:
    halves = found[0][-1].encode("utf-16-be", "surrogatepass")
    escaped = "".join(f"\\u{halves[at : at + 2].hex()}" for at in range(0, len(halves), 2))
    return f"{found[0][:-1]}{escaped}"
