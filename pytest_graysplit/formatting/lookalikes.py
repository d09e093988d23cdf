"""Characters that look alike: where two texts first differ, named so that a reader can see it."""

from __future__ import annotations

import unicodedata
from itertools import takewhile

# Letters of other scripts that look like a Latin one, in lower case.
_LATIN_OF = str.maketrans(
    "\u0430\u0432\u0435\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0455\u0456\u0458\u0501\u04bb"
    "\u03b1\u03b2\u03b5\u03b6\u03b7\u03b9\u03ba\u03bc\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7\u0131",
    "abekmhopctyxsijdhabezhikmvoptyxi",
)


def first_difference_at(expected: str, found: str) -> int:
    """Return the number of characters with which both texts begin."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(expected, found, strict=False)))


def name_difference(expected: str, found: str) -> str:
    """Name the first differing characters of two texts, or return "" if a reader sees the difference.

    >>> name_difference("Paris", "P\u0430ris")
    ' (found U+0430 CYRILLIC SMALL LETTER A instead of U+0061 LATIN SMALL LETTER A)'
    >>> name_difference("open", "closed")
    ''
    """
    at = first_difference_at(expected, found)
    if at == len(expected) == len(found):
        return ""
    # A combining accent belongs to the letter before it.
    while at and (_is_combining(expected[at : at + 1]) or _is_combining(found[at : at + 1])):
        at -= 1
    ours, theirs = _letter_at(expected, at), _letter_at(found, at)
    if _is_plain(ours + theirs) and expected.split() != found.split():
        return ""
    return f" (found {_named(theirs)} instead of {_named(ours)})"


def find_alike(part: str, text: str) -> tuple[int, str] | None:
    """Return the place of a passage that looks like the part, and the passage; None if there is none."""
    if part.isascii() and text.isascii():
        return None
    wanted = "".join(map(_skeleton, part))
    letters = [_skeleton(char) for char in text]
    at = "".join(letters).find(wanted) if wanted else -1
    if at < 0:
        return None
    ends: list[int] = []
    length = 0
    for letter in letters:
        length += len(letter)
        ends.append(length)
    begin = next(place for place, end in enumerate(ends) if end > at)
    last = next(place for place, end in enumerate(ends) if end >= at + len(wanted))
    while last + 1 < len(text) and not letters[last + 1]:
        last += 1
    return begin, text[begin : last + 1]


def _skeleton(char: str) -> str:
    if char.isascii():
        return char.lower()
    parts = unicodedata.normalize("NFKD", char).casefold()
    return "".join(part for part in parts if unicodedata.category(part) not in ("Mn", "Cf")).translate(_LATIN_OF)


def _letter_at(text: str, at: int) -> str:
    end = at + 1
    while _is_combining(text[end : end + 1]):
        end += 1
    return text[at:end]


def _is_combining(char: str) -> bool:
    return bool(char) and unicodedata.combining(char) != 0


def _is_plain(letters: str) -> bool:
    return letters.isascii() and letters.isprintable()


def _named(letter: str) -> str:
    if not letter:
        return "the end of the text"
    return " + ".join(f"U+{ord(char):04X} {unicodedata.name(char, 'without a name')}" for char in letter[:3])
