"""Texts in another form: a refusal in place of the answer, and an answer that ends in the middle."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.mutations.mutant import Change
from pytest_graysplit.replies.refusals import is_refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

# Refusals in words that are not recognised as such; a recognised one fails every case by its outcome.
_ENGLISH = (
    "That is something I would rather leave to other people.",
    "Let us talk about another subject instead.",
)
_GERMAN = ("Das überlasse ich lieber anderen.", "Sprechen wir lieber über ein anderes Thema.")
_IS_GERMAN = re.compile(r"\b(?:der|die|das|ist|sind|und|nicht|können|kann|ein|eine|wird|zu)\b")
# Answers that defer or decline themselves: another refusal may be as right.
_DECLINES = re.compile(
    r"\b(?:i|we)(?:['\u2019]m| am| are|['\u2019]re)?\s+(?:can['\u2019]t|cannot|can not|unable|not (?:able|sure|aware)"
    r"|don['\u2019]t|do not|won['\u2019]t|sorry|afraid|will (?:ask|check|contact|find out))"
    r"|['\u2019]ll (?:ask|check|find out)|\b(?:colleagues?|unfortunately|contact (?:us|our|the)|leider|kolleg\w*"
    r"|weiß (?:ich )?nicht|kontaktieren|wenden sie sich)\b",
    re.IGNORECASE,
)
# Fewer words, or fewer characters of a script without blanks, have no middle.
FEWEST_WORDS, FEWEST_CHARACTERS = 4, 12
_END_OF_SENTENCE = re.compile(r"[.!?:;\u3002\uff01\uff1f]['\"\u201d\u2019)*_]*$")


def refused(text: str) -> Iterator[Change]:
    """Yield a refusal in place of the answer; none if the answer itself declines, or leaves it to a colleague."""
    if _DECLINES.search(text):
        return
    phrases = _GERMAN if _IS_GERMAN.search(text) else _ENGLISH
    refusal = next((phrase for phrase in phrases if not is_refusal(phrase)), None)
    if refusal is not None:
        yield Change(refusal, refusal)


def cut_off(text: str) -> Iterator[Change]:
    """Yield the first half of the answer, up to a word inside a sentence; none for an answer of a few words.

    The relay would not call it truncated: a model stopped early, or a stream ended without an error.

    >>> [change.text for change in cut_off("Unused lamps can be sent back within 30 days.")]
    ['Unused lamps can be sent']
    """
    words = list(re.finditer(r"\S+", text))
    if len(words) >= FEWEST_WORDS:
        place = len(words) // 2
        while place < len(words) - 1 and any(_END_OF_SENTENCE.search(word[0]) for word in words[place - 1 : place + 1]):
            place += 1
        kept = text[: words[place].end()].rstrip(",;:")
        if place < len(words) - 1:
            yield Change(kept, _ends(kept))
    elif len(text.strip()) >= FEWEST_CHARACTERS and (len(words) == 1 or text.lstrip()[:1] in "{["):
        kept = text[: len(text) // 2]
        yield Change(kept, _ends(kept))


def _ends(kept: str) -> str:
    last = " ".join(kept.split()[-4:])
    return f"ends after …{last[-40:]}" if last != kept else f"ends after {last}"
