"""Metrics that compare two texts by themselves: by equality, by their words, and by their values as JSON."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, TypeAlias

from rapidfuzz.fuzz import ratio

from pytest_graysplit.evaluation.metrics.words import split_words, word_set
from pytest_graysplit.types import parse_json_answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_graysplit.types import Json

Path: TypeAlias = "tuple[str | int, ...]"

# Articles, copulas and the commonest prepositions make any two answers look alike. Negations are kept.
_LIGHT = word_set(
    "a an the is are was were be been to of in on at and or it its this that with for as from there"
    " der die das ein eine und ist sind zu von mit auf für le la les un une des du de et est en à"
    " el los las y es il lo gli di e o os um uma da do het een van"
)


class Exact:
    """Score of 1 when both answers are the same text, ignoring white space around it; 0 otherwise."""

    name = "exact"

    def score(self, control: str, treatment: str) -> float:
        """Score 1 or 0; symmetric. Characters are compared in composed form, so equal-looking letters are equal."""
        return float(_plain(control) == _plain(treatment))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()


class Lexical:
    """Mean agreement of words regardless of order, of words in order, and of letters.

    It compares wording, not meaning, and ignores case and punctuation. docs/metrics.md lists its measured misses.
    """

    name = "lexical"

    def score(self, control: str, treatment: str) -> float:
        """Score the treatment's text against the control's, from 0 to 1; symmetric, 1 for equal words in order."""
        ours, theirs = _weighty(control), _weighty(treatment)
        if not ours or not theirs:  # only punctuation or emoji on one side: only characters can be compared
            return ratio(control.strip(), treatment.strip()) / 100
        our_heads, their_heads = _heads(ours), _heads(theirs)
        in_order = ratio(our_heads, their_heads)
        any_order = ratio(sorted(our_heads), sorted(their_heads))
        letters = ratio(" ".join(sorted(ours)), " ".join(sorted(theirs)))
        return (in_order + any_order + letters) / 300


def _weighty(text: str) -> list[str]:
    words = split_words(text)
    return [word for word in words if word not in _LIGHT] or words


def _heads(words: list[str]) -> list[str]:
    # Four letters serve as a stemmer for every language. A number is never cut, because its last digit counts.
    return [word if word[0] <= "9" else word[:4] for word in words]


class JsonSimilarity:
    """Share of values on which two JSON answers agree, over all places where either answer has one.

    A place is a path of keys and list positions. The order of keys does not matter. The order of a list does, because a
    ranking or a sequence of steps is an answer too. Texts must be equal except for white space around them.
    """

    name = "json"

    def score(self, control: str, treatment: str) -> float:
        """Score from 0 to 1; symmetric. The score is 0 where either answer is not JSON."""
        try:
            ours = dict(_leaves(parse_json_answer(control)))
            theirs = dict(_leaves(parse_json_answer(treatment)))
        except (ValueError, RecursionError):  # JSON nested deeper than Python's limit is as unreadable as broken JSON
            return 0.0
        agreed = sum(path in theirs and _same_value(value, theirs[path]) for path, value in ours.items())
        return agreed / len(ours.keys() | theirs.keys())


def _leaves(value: Json, path: Path = ()) -> Iterator[tuple[Path, Json]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, list) and value:
        for position, inner in enumerate(value):
            yield from _leaves(inner, (*path, position))
    else:
        yield path, value


def _same_value(ours: Json, theirs: Json) -> bool:
    if isinstance(ours, str) and isinstance(theirs, str):
        return ours.strip() == theirs.strip()
    # True == 1 in Python, but not in an answer.
    return isinstance(ours, bool) == isinstance(theirs, bool) and ours == theirs
