"""Foreign text on its way out: what a terminal, a browser or a CI runner would obey is shown instead."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# What moves the cursor, begins an escape sequence, turns the direction of writing, ends a line in some programs only,
# takes up no room, or cannot be written in UTF-8 or XML. Tab and newline are ordinary; joiners have rules of their own.
_UNSEEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufdd0-\ufdef\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
# Those that Python takes for printable.
_BLANK_LETTERS = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\u180b\u180c\u180d\u180f"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
_BLANKS = " \t\xa0\u1680\u2000-\u200a\u202f\u205f\u3000"
_SELECTORS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
# Persian, the scripts of India and emoji are spelled with joiners between their letters; elsewhere they only hide.
_JOINED = "\u0300-\u034e\u0600-\u1cff\u2190-\u2bff\ua800-\uabff\ufe0f\U0001f000-\U0001faff"


def visible(text: str) -> str:
    r"""Return the text with everything spelled out that would be obeyed, or not be seen; newlines stay.

    A line that a CI runner would take for a command is no command any more. Doing it twice changes nothing.

    >>> print(visible("\x1b[2Jsafe\u202eefas\r::error::gone"))
    \x1b[2Jsafe\u202eefas\x0d::error::gone
    >>> print(visible("Done.\n::set-output name=a::b"))
    Done.
    \x3a:set-output name=a::b
    """
    return _escaped(text, _escape)


def unhidden(text: str) -> str:
    """Return the text as `visible` does, for a browser: no CI runner looks for commands there."""
    return text if _is_plain(text) else _unseen().sub(_escape, text.replace("\r\n", "\n"))


def on_one_line(text: str) -> str:
    r"""Return the text visible, its newlines and tabs spelled out too: for a name inside a sentence.

    >>> print(on_one_line("gpt\n::error::x"))
    gpt\n\x3a:error::x
    """
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def visible_json(text: str) -> str:
    r"""Return JSON that means the same, and in which nothing is left that a terminal or a CI runner would obey.

    >>> print(visible_json('{"text": "\x9b2J ##vso[task]"}'))
    {"text": "\u009b2J #\u0023vso[task]"}
    """
    return _escaped(text, _escape_in_json)


def _escaped(text: str, escaped: Callable[[re.Match[str]], str]) -> str:
    if not _is_plain(text):
        text = _unseen().sub(escaped, text.replace("\r\n", "\n"))
    return _commands().sub(escaped, text) if "::" in text or "##" in text else text


def _is_plain(text: str) -> bool:
    """Tell of most texts that there is nothing unseen in them, without a pattern."""
    letters = text.replace("\n", "").replace("\t", "")
    return letters.isprintable() and (letters.isascii() or _BLANK_LETTERS.isdisjoint(letters))


@cache
def _commands() -> re.Pattern[str]:
    # GitHub trims a line before it looks for ::, and is one of those that find ##[ anywhere in it. A line may be
    # wrapped later, so a word that begins a command is spelled out wherever it stands.
    return re.compile(rf"^(?P<blank>[{_BLANKS}]*):(?=:)|(?<=\s):(?=:\w)|(?<=#)#(?=\[|\w+\[)", re.MULTILINE)


@cache
def _unseen() -> re.Pattern[str]:
    # Built at the first odd text: it takes 10 ms, and most runs have none.
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
