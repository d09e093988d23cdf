"""Clauses that one text denies as a whole: "it is valid until Friday", "it isn't valid until Friday"."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.metrics.guards.parsed_text import CONTRACTED, negations
from pytest_graysplit.evaluation.metrics.words import stem, word_set

if TYPE_CHECKING:
    from pytest_graysplit.evaluation.metrics.guards.parsed_text import Clause, Reading

# Negations that can be left out and leave the opposite; "never", "none" and "without" cannot.
_PLAIN = word_set("not t cannot nicht pas")
# "isn" is the contracted form of "is" without its "t".
_WHOLE = {word: word.removesuffix("n") for word in CONTRACTED} | {"can": "can", "cannot": "can", "won": "will"}
# "You don't return it" has a word more than "you return it", and that word has no meaning.
_SUPPORT = word_set("do does did a an any some")


def denied_whole(asserter: Reading, denier: Reading) -> str:
    """Return the clause of the first text that differs from one of the second only by its "not", or nothing."""
    if not denier.denies:
        return ""
    denied = {_bare(clause) for clause in denier.clauses if _denies_whole(clause)}
    if not denied:
        return ""
    # A clause that either text both asserts and denies is not a difference.
    denied -= {_bare(clause) for clause in denier.clauses if not negations(clause)}
    denied -= {_bare(clause) for clause in asserter.clauses if _denies_whole(clause)}
    said = (clause for clause in asserter.clauses if _bare(clause) in denied and not negations(clause))
    return " ".join(next(said, ()))


def _denies_whole(clause: Clause) -> bool:
    places = negations(clause)
    return len(places) == 1 and clause[places[0]] in _PLAIN and len(clause) > 1


@lru_cache(maxsize=4096)
def _bare(clause: Clause) -> frozenset[str]:
    whole = (_WHOLE.get(word, word) for word in clause)
    return frozenset(stem(word) for word in whole if word not in _SUPPORT and (word == "can" or word not in _PLAIN))
