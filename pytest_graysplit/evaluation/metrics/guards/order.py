"""The guard against two parts that were exchanged: "Alice sued Bob", "Bob sued Alice"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.metrics.guards.parsed_text import MOST_CLAUSES
from pytest_graysplit.evaluation.metrics.guards.sequence import reversed_steps
from pytest_graysplit.evaluation.metrics.words import FUNCTION_WORDS, word_set
from pytest_graysplit.types import Flag

if TYPE_CHECKING:
    from pytest_graysplit.evaluation.metrics.guards.parsed_text import Clause, ParsedText

# Words that depend on tense and style and do not change the roles in a sentence.
_IDLE = word_set(
    "a an the has have had did does do will just then also der die das den dem ein eine einen einem einer"
    " le la les un une el los las una il lo gli i o os as um uma het een"
)
# A preposition that has swallowed an article is the preposition.
_PLAIN = {
    word: preposition
    for line in (
        "von vom, zu zum zur, in im ins nel nella nei, an am, bei beim, à au aux, em no na nos nas",
        "por pelo pela, de du des del do da dos das, a al ao aos alla ai alle, di della dello dei delle degli",
        "da dal dalla dallo, su sul sulla",
    )
    for preposition, *words in map(str.split, line.split(","))
    for word in words
}
_UNCOUNTED = _IDLE.union(_PLAIN, _PLAIN.values())
_TRAVELLING = word_set("da de di il la el los para por del al un una va dal du o os")
# The sides of these words may be exchanged: "Paris is the capital", "tea and coffee", "Alice met Bob".
_SYMMETRIC = word_set(
    "is are was were be equals equal and or with und oder mit ist sind et ou avec est sont y o con es"
    " meet meets met married marries resembles vs versus plus times"
)
# Parts of a longer clause are reworded rather than exchanged, and searching it takes the cube of its length.
_LONGEST = 24
_PASSIVE = word_set("is are was were be been being by")


def order_swapped(control: ParsedText, treatment: ParsedText) -> Flag | None:
    """Flag steps in another order, or a clause that the treatment repeats with two parts or the voice exchanged."""
    if steps := reversed_steps(control, treatment):
        return Flag(name="order-swapped", detail="control says '{}' before '{}', treatment after".format(*steps))
    if ("by" in control.words) != ("by" in treatment.words):
        return _voice_flipped(control, treatment)
    gone = control.words - treatment.words - _UNCOUNTED
    kept = [clause for clause in control.clauses if len(clause) > 2 and gone.isdisjoint(clause)]
    if not kept:
        return None
    known = treatment.different
    moved = [_telling(clause) for clause in kept if clause not in known][:MOST_CLAUSES]
    if not moved:
        return None
    others = [clause for clause in known if clause not in control.different]
    theirs = {tuple(sorted(words)): words for words in map(_telling, others)}
    for ours in moved:
        other = theirs.get(tuple(sorted(ours)), ours)
        if other != ours and _exchanged(ours, other):
            return _flag(ours, other)
    return None


def _flag(ours: Clause, theirs: Clause) -> Flag:
    return Flag(name="order-swapped", detail=f"control says {' '.join(ours)!r}, treatment says {' '.join(theirs)!r}")


def _telling(clause: Clause) -> Clause:
    # "a" before a word of grammar, or at the end, is a name and not an article: "copy a to b".
    # In "da Roma a Milano" it is a preposition.
    following = (*clause[1:], "to")
    romance = not _TRAVELLING.isdisjoint(clause)
    return tuple(
        [
            _PLAIN.get(word, word)
            for word, after in zip(clause, following, strict=False)
            if word not in _IDLE
            or (word == "a" and (after in FUNCTION_WORDS or "b" in clause))
            or (romance and word in ("a", "do"))
        ]
    )


def _exchanged(ours: Clause, theirs: Clause) -> bool:
    """Tell whether one clause has X m Y where the other has Y m X, and m is neither symmetric nor part of a date."""
    places = [place for place, pair in enumerate(zip(ours, theirs, strict=True)) if pair[0] != pair[1]]
    here, there = ours[places[0] : places[-1] + 1], theirs[places[0] : places[-1] + 1]
    if len(here) > _LONGEST:
        return False
    for first in range(1, len(here) - 1):
        for last in range(1, len(here) - first):
            between = here[first:-last]
            if here[-last:] + between + here[:first] == there:
                return not (_SYMMETRIC.issuperset(between) or "".join(between).isdecimal())
    return False


def _voice_flipped(control: ParsedText, treatment: ParsedText) -> Flag | None:
    """Flag "Alice sued Bob" against "Alice was sued by Bob"."""
    if len(_PASSIVE & (control.words if "by" in control.words else treatment.words)) == 1:
        return None  # a cheap test: "by" without a form of "be" is not a passive
    theirs = {_without_voice(clause): clause for clause in treatment.clauses}
    for clause in control.clauses:
        other = theirs.get(_without_voice(clause), clause)
        active, passive = sorted((clause, other), key=len)
        if len(clause) > 2 and _PASSIVE.isdisjoint(active) and {"by"} < _PASSIVE.intersection(passive):
            return _flag(_telling(clause), _telling(other))
    return None


def _without_voice(clause: Clause) -> Clause:
    return tuple([word for word in clause if word not in _IDLE and word not in _PASSIVE])
