"""A text as the guards see it: clauses of words, read once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from pytest_graysplit.metrics.words import FUNCTION_WORDS, NEGATIONS, split_clauses, stem, word_set

Clause: TypeAlias = tuple[str, ...]

# What stands before the "t" of "can't" once the apostrophe is gone; "T-shirt" has no such word before it.
_CONTRACTED = word_set(
    "can don doesn didn isn aren wasn weren won wouldn couldn shouldn haven hasn hadn ain mustn needn"
)
_NEGATING = NEGATIONS | {"t"}


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """One text with its clauses and the sets of its words and of their stems."""

    text: str
    clauses: tuple[Clause, ...]
    words: frozenset[str]
    stems: frozenset[str]

    def clauses_with(self, root: str) -> list[Clause]:
        """Return the clauses in which a word of that stem stands."""
        return [clause for clause in self.clauses if root in map(stem, clause)]


# A control is read once for all its treatments and samples.
@lru_cache(maxsize=64)
def read(text: str) -> Reading:
    """Split the text into clauses of lower-case words."""
    clauses = split_clauses(text)
    words = frozenset().union(*clauses)
    return Reading(text, clauses, words, frozenset(map(stem, words)))


def content(clause: Clause) -> frozenset[str]:
    """Return the stems of the words that carry content; negations are not among them."""
    return frozenset(stem(word) for word in clause if word not in FUNCTION_WORDS and word not in _NEGATING)


def alike(ours: frozenset[str], theirs: frozenset[str]) -> bool:
    """Tell whether two contexts are about the same: half of the smaller is in the larger."""
    return 2 * len(ours & theirs) >= min(len(ours), len(theirs))


def negations(clause: Clause) -> list[int]:
    """Return the places of the words that negate."""
    if _NEGATING.isdisjoint(clause):
        return []
    return [
        place
        for place, word in enumerate(clause)
        if word in NEGATIONS or (word == "t" and place > 0 and clause[place - 1] in _CONTRACTED)
    ]
