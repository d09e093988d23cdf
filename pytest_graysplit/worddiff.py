"""A word-level difference of two answers, readable in a terminal."""

from __future__ import annotations

from rapidfuzz.distance import Levenshtein

# Fewer equal words than this between two changes read better as part of one change.
ISLAND = 2
# Equal stretches longer than twice this are cut in the middle.
CONTEXT = 6


def word_diff(control: str, treatment: str) -> str:
    """Write the control's words as [-gone-] and the treatment's as {+new+}, with long equal stretches cut.

    >>> word_diff("You have 30 days to send it back.", "You have 14 days to send it back.")
    'You have [-30-] {+14+} days to send it back.'
    """
    old, new = control.split(), treatment.split()
    pieces = []
    blocks = _blocks(old, new)
    for number, (equal, gone, added) in enumerate(blocks):
        if equal:
            pieces.append(_cut(gone, first=number == 0, last=number == len(blocks) - 1))
            continue
        pieces += [f"[-{' '.join(gone)}-]"] if gone else []
        pieces += [f"{{+{' '.join(added)}+}}"] if added else []
    return " ".join(pieces)


def _blocks(old: list[str], new: list[str]) -> list[tuple[bool, list[str], list[str]]]:
    """Return runs of equal and of changed words, small equal islands joined to the changes around them."""
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
    # What stands beside a change is kept; where there is no change at all, both ends are.
    head = words[:CONTEXT] if last or not first else []
    rest = words[-CONTEXT:] if first or not last else []
    return " ".join([*head, "...", *rest])
