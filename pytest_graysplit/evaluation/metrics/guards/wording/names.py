"""A proper name replaced by another one in otherwise equal sentences."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.metrics.words import word_set

if TYPE_CHECKING:
    from pytest_graysplit.evaluation.metrics.guards.parsed_text import ParsedText
    from pytest_graysplit.evaluation.metrics.guards.wording.reading import Difference

_MOST = 2
_SHORTEST = 3
# German writes every noun with a capital letter.
_GERMAN = word_set(
    "der das den dem des ein eine und ist sind wird mit für nicht sie ihr ihre im am zum zur bei von auf"
)
_TITLES = word_set("mr mrs ms miss dr prof sir herr frau madame monsieur señor señora signor signora the")


def renamed(difference: Difference, control: ParsedText, treatment: ParsedText) -> tuple[str, str] | None:
    """Return the names of both sides if they are all that differs."""
    ours = [word for word in difference.our_rest if word not in _TITLES]
    theirs = [word for word in difference.their_rest if word not in _TITLES]
    if not _only_these_differ(difference, ours, theirs) or _abbreviated(ours, theirs):
        return None
    for words, text, other in ((ours, control, treatment), (theirs, treatment, control)):
        if not _GERMAN.isdisjoint(text.words) or not other.words.isdisjoint(words):
            return None
        if not all(_is_name(word, text.text) for word in words):
            return None
    return " ".join(ours), " ".join(theirs)


def _only_these_differ(difference: Difference, ours: list[str], theirs: list[str]) -> bool:
    few = 0 < len(ours) <= _MOST and 0 < len(theirs) <= _MOST and difference.shared >= _MOST
    return few and difference.gone == {*difference.our_rest} and difference.come == {*difference.their_rest}


def _abbreviated(ours: list[str], theirs: list[str]) -> bool:
    """Tell whether one name is the beginning of another: "Sat", "Saturday"."""
    return any(one.startswith(other) or other.startswith(one) for one in ours for other in theirs)


def _is_name(word: str, text: str) -> bool:
    """Tell whether a word has a capital letter inside a sentence."""
    name = word.capitalize()
    place = text.find(name)
    if place <= 1 or len(word) < _SHORTEST:
        return False
    before = text[:place].rstrip()
    return re.search(r"(?:[^\W\d_A-Z]|,|\b[A-Z][a-z]+)$", before) is not None and text[place - 1] in " ("
