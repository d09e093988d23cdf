"""The text as the guards read it: clauses of words, parsed once."""

from __future__ import annotations

import re
from functools import cached_property, lru_cache
from itertools import chain, islice
from typing import TypeAlias

from rapidfuzz.utils import default_process

from pytest_graysplit.evaluation.metrics.words import (
    FUNCTION_WORDS,
    NEGATIONS,
    WITHIN,
    spaced,
    split_clauses,
    stem,
    word_set,
    words_with_stem,
)

Clause: TypeAlias = tuple[str, ...]

# Beginnings of contractions: the text before the "t" of "can't" without the apostrophe. "T-shirt" has none.
CONTRACTED = word_set(
    "can don doesn didn isn aren wasn weren won wouldn couldn shouldn haven hasn hadn ain mustn needn"
)
_YES_OR_NO = word_set("yes yeah no ja nein oui non sí si sim não nee")
_NEGATING = NEGATIONS | {"t"}


# A text with more clauses of one kind repeats itself, and comparing all with all would take the square of its length.
MOST_CLAUSES = 40
_LONGEST_CLAUSE = 100

# Searched at every character of every answer: the leading `\d` lets the search skip other characters.
FIGURES = re.compile(r"\d\d*(?:[-./:,'\u2019\u00a0\u202f]\d+)*")


class ParsedText:
    """One text with its words and its numbers as written; parts that few pairs need are computed on demand."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._spaced = spaced(text)
        self.sequence = default_process(self._spaced).split()
        self.words = frozenset(self.sequence)
        self.all_figures = FIGURES.findall(text)
        self.figures = frozenset(self.all_figures)
        # The text between the marks, and its words; both are filled with the clauses.
        self._parts: list[str] = []
        self._split: list[Clause] = []

    @cached_property
    def clauses(self) -> tuple[Clause, ...]:
        """The clauses, each as its lower-case words."""
        self._parts = split_clauses(self._spaced)
        self._split = [tuple(part.split()) for part in map(default_process, self._parts)]
        return tuple([clause for clause in self._split if clause])

    @cached_property
    def sentences(self) -> dict[Clause, None]:
        """The different sentences, each as its lower-case words, without a "yes" or "no" before a comma."""
        if not self.clauses:
            return {}
        found: list[Clause] = []
        waiting: list[Clause] = []
        text, end = f"{self._spaced}\n", -1
        for part, clause in zip(self._parts, self._split, strict=True):
            end += len(part) + 1
            if text[end] in WITHIN:
                if clause and (waiting or not _is_verdict(clause)):
                    waiting.append(clause)
            elif waiting:
                found.append(tuple(chain(*waiting, clause)))
                waiting = []
            elif clause:
                found.append(clause)
        return dict.fromkeys(found)

    @cached_property
    def denials(self) -> dict[Clause, list[int]]:
        """The clauses that negate, each with the places of the words that do."""
        if _NEGATING.isdisjoint(self.words):
            return {}
        return {
            clause: places
            for clause in dict.fromkeys(self.clauses)
            if not _NEGATING.isdisjoint(clause) and (places := negations(clause))
        }

    def clauses_with(self, root: str) -> list[Clause]:
        """Return the first different clauses with a word of that stem."""
        forms = words_with_stem(root)
        found = (clause for clause in self.different if not forms.isdisjoint(clause))
        return [*islice(found, MOST_CLAUSES)]

    @cached_property
    def different(self) -> dict[Clause, None]:
        """The different clauses, without those that are too long to compare."""
        return dict.fromkeys([clause for clause in self.clauses if len(clause) <= _LONGEST_CLAUSE])

    def has(self, root: str) -> bool:
        """Tell whether the text has a word with that stem."""
        return not self.words.isdisjoint(words_with_stem(root))


def _is_verdict(clause: Clause) -> bool:
    return len(clause) == 1 and clause[0] in _YES_OR_NO


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
