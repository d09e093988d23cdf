"""The text as the guards read it: clauses of words, parsed once."""

from __future__ import annotations

import re
from functools import cached_property, lru_cache
from typing import TypeAlias

from rapidfuzz.utils import default_process

from pytest_graysplit.evaluation.metrics.words import FUNCTION_WORDS, NEGATIONS, spaced, split_clauses, stem, word_set

Clause: TypeAlias = tuple[str, ...]

# Beginnings of contractions: the text before the "t" of "can't" without the apostrophe. "T-shirt" has none.
CONTRACTED = word_set(
    "can don doesn didn isn aren wasn weren won wouldn couldn shouldn haven hasn hadn ain mustn needn"
)
_NEGATING = NEGATIONS | {"t"}


# Searched at every character of every answer: the leading `\d` lets the search skip other characters.
FIGURES = re.compile(r"\d\d*(?:[-./:,'\u2019\u00a0\u202f]\d+)*")


class ParsedText:
    """One text with its words and its numbers as written; parts that few pairs need are computed on demand."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._spaced = spaced(text)
        self.words = frozenset(default_process(self._spaced).split())
        self.all_figures = FIGURES.findall(text)
        self.figures = frozenset(self.all_figures)

    @cached_property
    def clauses(self) -> tuple[Clause, ...]:
        """The clauses, each as its lower-case words."""
        return split_clauses(self._spaced)

    @cached_property
    def stems(self) -> frozenset[str]:
        """The stems of the words."""
        return frozenset(map(stem, self.words))

    @cached_property
    def denies(self) -> bool:
        """Whether the text has a word that may negate."""
        return not _NEGATING.isdisjoint(self.words)

    def clauses_with(self, root: str) -> list[Clause]:
        """Return the clauses with a word of that stem."""
        return [clause for clause in self.clauses if root in map(stem, clause)]


# Cached: a control is compared with all treatments and samples.
parse = lru_cache(maxsize=64)(ParsedText)


def content(clause: Clause) -> frozenset[str]:
    """Return the stems of the words that carry content; negations are not among them."""
    return frozenset(stem(word) for word in clause if word not in FUNCTION_WORDS and word not in _NEGATING)


def alike(ours: frozenset[str], theirs: frozenset[str]) -> bool:
    """Tell whether two contexts are about the same thing: half of the smaller is in the larger."""
    return 2 * len(ours & theirs) >= min(len(ours), len(theirs))


def negations(clause: Clause) -> list[int]:
    """Return the places of the words that negate."""
    if _NEGATING.isdisjoint(clause):
        return []
    return [
        place
        for place, word in enumerate(clause)
        if word in NEGATIONS or (word == "t" and place > 0 and clause[place - 1] in CONTRACTED)
    ]
