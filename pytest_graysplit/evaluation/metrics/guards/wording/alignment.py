"""The sentences of two answers that are about the same thing, side by side."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.metrics.words import FUNCTION_WORDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_graysplit.evaluation.metrics.guards.parsed_text import Clause, ParsedText

# A word in more sentences than this tells little about what a sentence is about, and would cost most of the time.
_COMMON = 8
# An answer of more different sentences is a loop or a book; the first ones are read.
_MOST = 200
_LONGEST = 200


def aligned(control: ParsedText, treatment: ParsedText) -> list[tuple[Clause, Clause]]:
    """Return the different sentences of the control, each with the most similar one of the treatment."""
    ours, theirs = _own(control.sentences, treatment.sentences), _own(treatment.sentences, control.sentences)
    if not ours or not theirs:
        return []
    if len(ours) == len(theirs) == 1:
        return [(ours[0], theirs[0])]
    places = _index(theirs)
    found = []
    for sentence in ours:
        words = _telling(sentence)
        votes = Counter(place for word in words for place in places.get(word, ()))
        if not votes:
            continue
        place, number = votes.most_common(1)[0]
        if 2 * number >= len(words):
            found.append((sentence, theirs[place]))
    return found


def _own(sentences: Sequence[Clause], others: Sequence[Clause]) -> list[Clause]:
    known = set(others)
    return [one for one in dict.fromkeys(sentences) if one not in known and len(one) <= _LONGEST][:_MOST]


def _telling(sentence: Clause) -> frozenset[str]:
    return frozenset(sentence) - FUNCTION_WORDS


def _index(sentences: Sequence[Clause]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for place, sentence in enumerate(sentences):
        for word in _telling(sentence):
            places.setdefault(word, []).append(place)
    return {word: found for word, found in places.items() if len(found) <= _COMMON}
