"""The guards on otherwise equal sentences: duty, quantity, condition, denial, opposites and roles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.metrics.guards.wording.alignment import aligned
from pytest_graysplit.evaluation.metrics.guards.wording.events import LINKS, events_reversed
from pytest_graysplit.evaluation.metrics.guards.wording.lexicon import senses_of
from pytest_graysplit.evaluation.metrics.guards.wording.names import renamed
from pytest_graysplit.evaluation.metrics.guards.wording.reading import compare, is_prefixed
from pytest_graysplit.evaluation.metrics.words import word_set
from pytest_graysplit.types import Flag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_graysplit.evaluation.metrics.guards.parsed_text import Clause, ParsedText
    from pytest_graysplit.evaluation.metrics.guards.wording.reading import Difference

_DUTIES = frozenset(("MUST", "SHOULD", "MAY", "BAN", "NEEDNOT"))
# Duties that differ even where the sentences differ in a word more.
_FAR_APART = (frozenset(("MUST", "MAY")), frozenset(("BAN", "NEEDNOT")))
# A duty and an advice differ only where nothing else does.
_ADVICE = frozenset(("MUST", "SHOULD"))
_QUANTITIES = frozenset(("ALL", "MOST", "SOME", "NOTALL", "FEW", "MANY", "BOTH", "EITHER", "ONLY", "EVEN", "ALSO"))
_DIFFERENT_QUANTITIES = frozenset(
    frozenset((one, other))
    for one, others in {
        "ALL": "SOME NOTALL MANY MOST FEW EVEN",
        "FEW": "MANY MOST",
        "SOME": "MOST",
        "BOTH": "EITHER",
        "ONLY": "EVEN ALSO ALL",
    }.items()
    for other in word_set(others)
)
_CONDITIONS = (("AND", "OR"), ("UNTIL", "SINCE"))
# With an upper bound, "must weigh at most" is "may weigh up to".
_BOUNDS = word_set(
    "most maximum max maximal up höchstens maximaal máximo massimo maximum hoogstens exceed exceeds"
    " überschreiten dépasser superar superare"
)
_CHOICES = word_set(
    "MAY available choose either options option between verfügbar erhältlich disponible disponibles"
    " disponibile disponibili disponível beschikbaar"
)
_EXCEPTING = frozenset(("UNTIL", "SINCE", "BEFORE", "AFTER", "ONLY", "EVEN", "FEW", "NOTALL"))
# Opposites with other senses ("the driver left", "an early bird"): the rest of the sentences must be the same.
MANY_SENSED_PAIRS = word_set(
    "left/right first/last hot/cold high/low up/down on/off day/night start/stop above/below show/hide read/write"
    " present/absent send/receive full/empty open/closed gross/net new/used young/old major/minor normal/abnormal"
    " paid/unpaid fee/FREE input/output major/minor arrival/departure"
)


def contrasts(control: ParsedText, treatment: ParsedText) -> tuple[Flag, ...]:
    """Return the flags of all aligned sentences, at most one of each name."""
    if control.sequence == treatment.sequence:
        return ()
    found: dict[str, Flag] = {}
    for ours, theirs in aligned(control, treatment):
        difference = compare(ours, theirs)
        if difference is None or not (difference.near or difference.close):
            continue
        one_sentence = " ".join(ours), " ".join(theirs)
        if _links(difference) and _equal_denials(difference) and events_reversed(ours, control, theirs, treatment):
            found.setdefault("order-swapped", _flag("order-swapped", *one_sentence))
        if difference.near:
            for name, was, now in _found(one_sentence, difference):
                found.setdefault(name, _flag(name, was, now))
        if difference.our_rest and (names := renamed(difference, control, treatment)):
            found.setdefault("entity-changed", _flag("entity-changed", *names))
    return tuple(found.values())


def same_polarity(ours: Clause, theirs: Clause) -> bool:
    """Tell whether two clauses deny the same, one by another word: "not open", "closed"."""
    difference = compare(ours, theirs)
    return difference is not None and difference.cancels


def _flag(name: str, was: str, now: str) -> Flag:
    return Flag(name=name, detail=f"control says {was!r}, treatment says {now!r}")


def _found(one_sentence: tuple[str, str], difference: Difference) -> Iterator[tuple[str, str, str]]:
    if _denied(difference):
        name = "condition-changed" if "UNLESS" in difference.gone | difference.come else "negation-flipped"
        yield name, *one_sentence
    if _turned(difference):
        was, now = difference.opposites[0]
        yield "negation-flipped" if is_prefixed(was, now) else "antonym", was, now
    if _duty_changed(difference):
        yield "modality-changed", *one_sentence
    if _quantity_changed(difference):
        yield "quantifier-changed", *one_sentence
    if _condition_changed(difference):
        yield "condition-changed", *one_sentence
    if difference.roles and difference.exact and _equal_denials(difference):
        yield "entity-changed", *difference.roles[0]


def _links(difference: Difference) -> bool:
    return not any(map(LINKS.isdisjoint, difference.said))


def _equal_denials(difference: Difference) -> bool:
    return difference.our_denials == difference.their_denials


def _denied(difference: Difference) -> bool:
    """Tell whether one sentence denies a thing that the other affirms."""
    ours, theirs = difference.our_denials, difference.their_denials
    if (ours + theirs) % 2 == 0 or difference.opposites or difference.cancels:
        return False
    changed = difference.gone | difference.come
    if not _EXCEPTING.isdisjoint(changed) or any(word[0].isdecimal() for word in changed):
        return False  # "not before Friday", "14 days, not 30"
    if min(ours, theirs):
        return difference.exact and len(difference.gone) + len(difference.come) == 1
    # A word that only the affirming sentence has may deny in a way that the lists do not have, and one that only the
    # denying sentence has may be all that it denies.
    if ours:
        return not difference.their_rest and difference.denied[0] not in difference.our_rest
    return not difference.our_rest and difference.denied[1] not in difference.their_rest


def _turned(difference: Difference) -> bool:
    # "Anna is taller than Ben" is "Ben is shorter than Anna".
    if not difference.opposites or not difference.in_order or not _equal_denials(difference):
        return False
    return difference.exact or any(is_prefixed(*words) or _one_sense(words) for words in difference.opposites)


def _one_sense(words: tuple[str, str]) -> bool:
    """Tell whether two opposites are in the lists, and only in pairs without other senses."""
    pairs = [pair for word in words for pair, _ in senses_of(word)]
    return bool(pairs) and MANY_SENSED_PAIRS.isdisjoint(pairs)


def _duty_changed(difference: Difference) -> bool:
    ours, theirs = (_DUTIES & some for some in (difference.gone, difference.come))
    if len(ours) != 1 or len(theirs) != 1 or ours == theirs:
        return False
    if not _equal_denials(difference):
        return False
    both = frozenset(ours | theirs)
    if both == _FAR_APART[0] and not (
        _BOUNDS.isdisjoint(difference.said[0]) and _BOUNDS.isdisjoint(difference.said[1])
    ):
        return False
    return both in _FAR_APART or (difference.exact and both == _ADVICE)


def _quantity_changed(difference: Difference) -> bool:
    ours, theirs = (_QUANTITIES & some for some in (difference.gone, difference.come))
    return _equal_denials(difference) and any(
        frozenset((one, other)) in _DIFFERENT_QUANTITIES for one in ours for other in theirs
    )


def _condition_changed(difference: Difference) -> bool:
    if not difference.exact or not _equal_denials(difference):
        return False
    gone, come = difference.gone, difference.come
    for one, other in _CONDITIONS:
        if (one in gone and other in come) or (other in gone and one in come):
            return one != "AND" or not (
                difference.our_denials or any(not _CHOICES.isdisjoint(said) for said in difference.said)
            )
    return False
