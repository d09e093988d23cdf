"""The guard against an answer turned into its opposite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.metrics.guards.parsed_text import alike, content, negations
from pytest_graysplit.evaluation.metrics.guards.sequence import same_steps
from pytest_graysplit.evaluation.metrics.guards.wording.contrasts import same_polarity
from pytest_graysplit.evaluation.metrics.guards.wording.lexicon import senses_of
from pytest_graysplit.evaluation.metrics.words import stem, word_set, words_with_stem
from pytest_graysplit.types import Flag

if TYPE_CHECKING:
    from pytest_graysplit.evaluation.metrics.guards.parsed_text import Clause, ParsedText

_PAIRS = """
increase rise rose raise | decrease fall fell reduce drop
enable activate | disable deactivate
open reopen | close shut
accept approve allow grant permit | reject refuse deny denied decline forbid prohibit
add insert append | remove delete
start begin began | stop end finish
include | exclude
lock | unlock
connect | disconnect
push | pull
buy bought | sell sold
win won | lose lost
pass succeed | fail failure
show | hide
upload | download
export | import
encrypt | decrypt
safe | dangerous unsafe
true | false
positive | negative
maximum max | minimum min
more | less fewer
higher | lower
always | never
everybody everyone | nobody
everything | nothing
clockwise | counterclockwise anticlockwise
above | below
early earlier | late later
cheaper | expensive
hot | cold
full | empty
credit | debit
"""
# These have other senses ("the driver left", "10% off", "on Monday"), so the words around them must be the same.
_MANY_SENSED_PAIRS = """
on | off
left | right
up | down
before | after
first | last
high | low
"""
_SWITCHING = frozenset(map(stem, ("turn", "switch", "power", "keep", "leave")))
_TIMES = frozenset(map(stem, ("before", "after")))
_YES = word_set("yes yeah yep yup ja oui sí sì sim")
_NO = word_set("no nope nein non não nee")
_YES_OR_NO = _YES | _NO


def _opposites() -> dict[str, frozenset[str]]:
    """Map the stem of each word to the stems of its opposites."""
    found: dict[str, frozenset[str]] = {}
    for line in (_PAIRS + _MANY_SENSED_PAIRS).split("\n"):
        left, _, right = (frozenset(map(stem, words.split())) for words in line.partition("|"))
        found |= dict.fromkeys(left, right) | dict.fromkeys(right, left)
    return found


_OPPOSITES = _opposites()
# Every word with one of these stems: looking words up is far cheaper than stemming all words of both texts.
_ROOTS = {word: root for root in _OPPOSITES for word in words_with_stem(root)}
_SPEAKING = frozenset(_ROOTS)
_MANY_SENSED = frozenset(map(stem, _MANY_SENSED_PAIRS.replace("|", " ").split()))


def antonym(control: ParsedText, treatment: ParsedText) -> Flag | None:
    """Flag a yes against a no, or two opposites said of the same thing."""
    if (ours := _verdict(control)) and (theirs := _verdict(treatment)) and ours != theirs:
        return _flag(ours, theirs)
    our_roots, their_roots = _roots(control), _roots(treatment)
    if our_roots == their_roots:
        return None
    their_own = their_roots - our_roots
    for root in sorted(our_roots - their_roots):
        for opposite in sorted(_OPPOSITES[root] & their_own):
            if _same_subject(root, control, opposite, treatment) and not (
                root in _TIMES and same_steps(control, treatment)  # "X before Y" is "Y after X"
            ):
                return _flag(_written(root, control), _written(opposite, treatment))
    return None


def _roots(parsed: ParsedText) -> set[str]:
    return {_ROOTS[word] for word in _SPEAKING & parsed.words}


def _written(root: str, parsed: ParsedText) -> str:
    return min(word for word in _SPEAKING & parsed.words if _ROOTS[word] == root)


def _flag(ours: str, theirs: str) -> Flag:
    return Flag(name="antonym", detail=f"control says {ours!r}, treatment says {theirs!r}")


def _verdict(parsed: ParsedText) -> str:
    """Return "yes" or "no" if the answer opens with it, followed by a mark, or consists of it."""
    if _YES_OR_NO.isdisjoint(parsed.words):
        return ""
    opening = parsed.clauses[0] if parsed.clauses else ()
    if len(opening) != 1:
        return ""
    return "yes" if opening[0] in _YES else "no" if opening[0] in _NO else ""


def _same_subject(root: str, control: ParsedText, opposite: str, treatment: ParsedText) -> bool:
    return any(
        ours_denied == theirs_denied
        and (ours == theirs if root in _MANY_SENSED else alike(ours, theirs))
        and not same_polarity(clause, other)
        and not (_says_too(other, root) or _says_too(clause, opposite))
        for ours, ours_denied, clause in _contexts(root, control)
        for theirs, theirs_denied, other in _contexts(opposite, treatment)
    )


def _says_too(clause: Clause, root: str) -> bool:
    """Tell whether a clause says a word of the same side too: "closed today, and opens again tomorrow"."""
    side = {sense for word in words_with_stem(root) for sense in senses_of(word)}
    return any(not side.isdisjoint(senses_of(word)) for word in clause)


def _contexts(root: str, parsed: ParsedText) -> list[tuple[frozenset[str], bool, Clause]]:
    """Return the other words of each clause with this word, whether it is negated ("not open"), and the clause."""
    # The word "never" may be the antonym itself, and does not negate itself.
    contexts = [
        (content(clause) | {root}, sum(stem(clause[place]) != root for place in negations(clause)) % 2 == 1, clause)
        for clause in parsed.clauses_with(root)
    ]
    if root in ("on", "off"):
        contexts = [one for one in contexts if not _SWITCHING.isdisjoint(one[0])]
    return [(words - {root}, denies, clause) for words, denies, clause in contexts]
