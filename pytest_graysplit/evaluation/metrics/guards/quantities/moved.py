"""Numbers that changed places between clauses: "adults 20 euros, children 10", "adults 10 euros, children 20"."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from pytest_graysplit.evaluation.metrics.words import FUNCTION_WORDS, split_words
from pytest_graysplit.types import Flag

if TYPE_CHECKING:
    from pytest_graysplit.evaluation.metrics.guards.parsed_text import ParsedText

    Words: TypeAlias = tuple[str, ...]

# A longer answer is compared in its first part.
_MOST_CHARACTERS = 20_000


def number_moved(control: ParsedText, treatment: ParsedText) -> Flag | None:
    """Flag a clause that the treatment repeats with figures that the control has in another clause."""
    ours, theirs = control.all_figures, treatment.all_figures
    if len(ours) < 2 or len(ours) != len(theirs):
        return None
    if (ours == theirs and control.words != treatment.words) or sorted(ours) != sorted(theirs):
        return None
    said, other = _by_words(control.text), _by_words(treatment.text)
    for words in said.keys() & other.keys():
        if said[words] != other[words]:
            was, now = (" ".join(_filled(words, figures)) for figures in (said[words], other[words]))
            return Flag(name="number-changed", detail=f"control says {was!r}, treatment says {now!r}")
    return None


def _by_words(text: str) -> dict[Words, Words]:
    """Map the words of each clause, with a gap for each figure, to its figures.

    Clauses of the same words are left out. Nothing is returned where a clause has figures alone: "10, 20 or 30" is one
    list, in which the order may not matter.
    """
    found: dict[Words, Words] = {}
    repeated: set[Words] = set()
    clauses = _clause_end().split(_list_marker().sub("", text[:_MOST_CHARACTERS]))
    if len(text) > _MOST_CHARACTERS:
        clauses.pop()  # it may be cut
    for clause in map(split_words, clauses):
        figures = tuple(word for word in clause if word[0] <= "9")
        words = tuple("" if word[0] <= "9" else word for word in clause)
        if not figures:
            continue
        if FUNCTION_WORDS.issuperset(filter(None, words)):
            return {}
        if words in found:
            repeated.add(words)
        found[words] = figures
    return {words: figures for words, figures in found.items() if words not in repeated}


def _filled(words: Words, figures: Words) -> list[str]:
    left = iter(figures)
    return [word or next(left) for word in words]


@cache
def _list_marker() -> re.Pattern[str]:
    return re.compile(r"^[ *#>]{0,6}\(?\d{1,3}[.):]", re.MULTILINE)


@cache
def _clause_end() -> re.Pattern[str]:
    return re.compile(r"[.!?;,\n](?=\s|$)|[\u3002\uff0c\uff1b\uff01\uff1f]|,(?=[\u3400-\u9fff])")
