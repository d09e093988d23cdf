"""Similarity of the words of two answers, as the mean of three measures."""

from __future__ import annotations

from rapidfuzz.fuzz import ratio

from pytest_graysplit.evaluation.metrics.words import split_words, word_set

# Articles, copulas and the commonest prepositions make any two answers look alike. Negations are kept.
_LIGHT = word_set(
    "a an the is are was were be been to of in on at and or it its this that with for as from there"
    " der die das ein eine und ist sind zu von mit auf für le la les un une des du de et est en à"
    " el los las y es il lo gli di e o os um uma da do het een van"
)


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
