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
    ours, theirs = (
        [word for word in rest if word not in _TITLES] for rest in (difference.our_rest, difference.their_rest)
    )
    if not (0 < len(ours) <= _MOST and 0 < len(theirs) <= _MOST and difference.shared >= _MOST):
        return None
    if len(difference.gone) != len(difference.our_rest) or len(difference.come) != len(difference.their_rest):
        return None
    if not (_GERMAN.isdisjoint(control.words) and _GERMAN.isdisjoint(treatment.words)):
        return None
    if any(one.startswith(other) or other.startswith(one) for one in ours for other in theirs):  # "Sat", "Saturday"
        return None
    if not (set(ours).isdisjoint(treatment.words) and set(theirs).isdisjoint(control.words)):
        return None
    if not (
        all(_is_name(word, control.text) for word in ours) and all(_is_name(word, treatment.text) for word in theirs)
    ):
        return None
    return " ".join(ours), " ".join(theirs)


def _is_name(word: str, text: str) -> bool:
    """Tell whether a word has a capital letter inside a sentence."""
    name = word.capitalize()
    place = text.find(name)
    if place <= 1 or len(word) < _SHORTEST:
        return False
    before = text[:place].rstrip()
    return re.search(r"(?:[^\W\d_A-Z]|,|\b[A-Z][a-z]+)$", before) is not None and text[place - 1] in " ("
