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
_MOST = 100
_LONGEST = 100
# So few pairs of sentences are tried without an index.
_FEW = 64
# Sentences with more words that the other lacks are rewordings.
_MOST_DIFFERENT, _MOST_UNKNOWN = 4, 6
# In a short sentence that turns into the plural, few words stay as they are.
_MOST_INFLECTED = 3


def aligned(control: ParsedText, treatment: ParsedText) -> list[tuple[Clause, Clause]]:
    """Return the different sentences of the control, each with the most similar one of the treatment."""
    ours, theirs = _own(control, treatment), _own(treatment, control)
    if not ours or not theirs:
        return []
    our_words, their_words = [*map(_telling, ours)], [*map(_telling, theirs)]
    if len(ours) * len(theirs) <= _FEW:
        return [
            (ours[one], theirs[other])
            for one, words in enumerate(our_words)
            for other, others in enumerate(their_words)
            if _alike(words, others)
        ]
    places = _index(their_words)
    found = []
    for sentence, words in zip(ours, our_words, strict=True):
        votes = Counter(place for word in words for place in places.get(word, ()))
        if votes and _alike(words, their_words[place := votes.most_common(1)[0][0]]):
            found.append((sentence, theirs[place]))
    return found


def _alike(ours: frozenset[str], theirs: frozenset[str]) -> bool:
    """Tell, by a cheap test, whether two sentences may be about the same thing."""
    shared = len(ours & theirs)
    most = max(len(ours), len(theirs)) - shared
    return most <= _MOST_DIFFERENT and (most <= shared + 1 or (most <= _MOST_INFLECTED and shared > 0))


def _own(parsed: ParsedText, other: ParsedText) -> list[Clause]:
    """Return the sentences that the other text lacks, and most of whose words it has."""
    known, words = other.sentences, other.words
    return [
        one
        for one in parsed.sentences
        if one not in known and len(one) <= _LONGEST and len(set(one) - words) <= _MOST_UNKNOWN
    ][:_MOST]


def _telling(sentence: Clause) -> frozenset[str]:
    return frozenset(sentence) - FUNCTION_WORDS


def _index(sentences: Sequence[frozenset[str]]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for place, words in enumerate(sentences):
        for word in words:
            places.setdefault(word, []).append(place)
    return {word: found for word, found in places.items() if len(found) <= _COMMON}
