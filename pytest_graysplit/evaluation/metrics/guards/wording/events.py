"""The order of two events that a sentence links by "before" or "after", in eight languages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.metrics.guards.wording.lexicon import root, symbols
from pytest_graysplit.evaluation.metrics.words import word_set

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_graysplit.evaluation.metrics.guards.parsed_text import Clause, ParsedText

LINKS = frozenset(("BEFORE", "AFTER", "THEN"))
_POSTPOSED = frozenset("前后後")
_PLACING = word_set("first zuerst zunächst primero primeiro eerst abord 先 首 prima")


def events_reversed(ours: Clause, control: ParsedText, theirs: Clause, treatment: ParsedText) -> bool | None:
    """Tell whether two linked events have the other order in the second sentence; None where that is unknown."""
    one, other = symbols(ours), symbols(theirs)
    links = [(word, its) for word, its in zip(one, other, strict=False) if word != its]
    if len(one) == len(other) and len(links) == 1 and LINKS.issuperset(links[0]) and "THEN" not in links[0]:
        return True  # all words except the link are equal
    first, second = _in_time(ours, one, control), _in_time(theirs, other, treatment)
    if first is None or second is None:
        return None
    (our_first, our_second), (their_first, their_second) = first, second
    straight = len(our_first & their_first) + len(our_second & their_second)
    crossed = len(our_first & their_second) + len(our_second & their_first)
    # Around one and the same link, only a clean exchange is certain.
    if straight == crossed or (straight and LINKS.isdisjoint({*one} ^ {*other})):
        return None
    return crossed > straight


def _in_time(words: Clause, found: Sequence[str], parsed: ParsedText) -> tuple[frozenset[str], frozenset[str]] | None:
    """Return the words of both events, those of the earlier event first."""
    places = [place for place, word in enumerate(found) if word in LINKS]
    if len(places) != 1 or "IF" in found:
        return None
    (place,) = places
    link, left, right = found[place], found[:place], found[place + 1 :]
    if not _roots(left):
        length = next((len(clause) for clause in parsed.clauses if clause == words[: len(clause)]), len(words))
        inner = symbols(words[:length])
        left, right = found[len(inner) :], inner[1:]
    earlier, later = _roots(left), _roots(right)
    if not earlier or not later:
        return None
    # "X before Y"; in Chinese the word follows: "Y before, X".
    backward = (link == "AFTER") != (link != "THEN" and not _POSTPOSED.isdisjoint(words))
    return (later, earlier) if backward else (earlier, later)


def _roots(words: Sequence[str]) -> frozenset[str]:
    return frozenset(root(word) for word in words if not word.isupper() and word not in _PLACING)
