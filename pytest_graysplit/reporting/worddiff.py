"""A word-level difference of two answers, readable in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from rapidfuzz.distance import Levenshtein

if TYPE_CHECKING:
    from collections.abc import Iterator

# Runs of fewer equal words than this between two changes are shown as part of one change.
ISLAND = 2
# Equal stretches longer than twice this are cut in the middle.
CONTEXT = 6


class Segment(NamedTuple):
    """A run of words: in both answers ("="), only in the control's ("-"), or only in the treatment's ("+")."""

    sign: Literal["=", "-", "+"]
    words: list[str]


def word_diff(control: str, treatment: str) -> str:
    """Write the control's words as [-gone-] and the treatment's as {+new+}, with long equal stretches cut.

    >>> word_diff("You have 30 days to send it back.", "You have 14 days to send it back.")
    'You have [-30-] {+14+} days to send it back.'
    """
    segments = list(diff_segments(control, treatment))
    pieces = []
    for number, (sign, words) in enumerate(segments):
        if sign == "=":
            pieces.append(_cut(words, first=number == 0, last=number == len(segments) - 1))
        else:
            pieces.append(f"[-{' '.join(words)}-]" if sign == "-" else f"{{+{' '.join(words)}+}}")
    return " ".join(pieces)


def diff_segments(control: str, treatment: str) -> Iterator[Segment]:
    """Yield both answers as stretches of words, in reading order: removed words stand before their replacement.

    >>> [(sign, " ".join(words)) for sign, words in diff_segments("You have 30 days.", "You have 14 days.")]
    [('=', 'You have'), ('-', '30'), ('+', '14'), ('=', 'days.')]
    """
    for equal, gone, added in _blocks(control.split(), treatment.split()):
        if equal:
            yield Segment("=", gone)
            continue
        if gone:
            yield Segment("-", gone)
        if added:
            yield Segment("+", added)


def _blocks(old: list[str], new: list[str]) -> list[tuple[bool, list[str], list[str]]]:
    """Return runs of equal and of changed words, with short equal runs joined to the changes around them."""
    blocks: list[tuple[bool, list[str], list[str]]] = []
    opcodes = Levenshtein.opcodes(old, new)
    for number, code in enumerate(opcodes):
        gone, added = old[code.src_start : code.src_end], new[code.dest_start : code.dest_end]
        inner = 0 < number < len(opcodes) - 1
        equal = code.tag == "equal" and not (inner and len(gone) <= ISLAND)
        if blocks and not equal and not blocks[-1][0]:
            blocks[-1][1].extend(gone)
            blocks[-1][2].extend(added)
        else:
            blocks.append((equal, gone, added))
    return blocks


def _cut(words: list[str], *, first: bool, last: bool) -> str:
    if len(words) <= 2 * CONTEXT + 1:
        return " ".join(words)
    # Words beside a change are kept; without any change both ends are kept.
    head = words[:CONTEXT] if last or not first else []
    rest = words[-CONTEXT:] if first or not last else []
    return " ".join([*head, "...", *rest])
