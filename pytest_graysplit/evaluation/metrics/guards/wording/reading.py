"""The comparison of two sentences that are about the same thing."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.evaluation.metrics.guards.wording.lexicon import roles, root, senses_of, symbols
from pytest_graysplit.evaluation.metrics.words import word_set

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_graysplit.evaluation.metrics.guards.parsed_text import Clause
    from pytest_graysplit.evaluation.metrics.guards.wording.lexicon import Sense

_DENYING = frozenset(("NOT", "BAN", "NEEDNOT", "UNLESS"))
# Pairs of which the second side denies the first, even beside a word that is not in the pair: "absent".
DENYING_PAIRS = word_set(
    "allowed/forbidden required/optional open/closed enabled/disabled positive/negative true/false above/below"
    " included/excluded inside/outside safe/dangerous legal/illegal valid/invalid pass/fail connected/disconnected"
    " locked/unlocked encrypted/decrypted agree/disagree present/absent alive/dead paid/unpaid on/off fee/FREE"
    " upheld/overturned supported/opposed welcome/unwelcome valid/void healthy/sick normal/abnormal"
    " available/unavailable online/offline known/unknown employed/unemployed recommend/discourage confirm/refute"
    " completed/abandoned appear/disappear like/dislike trust/distrust remember/forget grant/revoke member/nonmember"
    " awake/asleep satisfied/dissatisfied comply/breach renewed/terminated win/lose liable/exempt show/hide start/stop"
)
# Symbols that are in a pair of opposites.
_PRICED = ("FREE", "PAID")
_LONGEST_DIFFERENCE = 6
_PREFIXES = frozenset(
    ("un", "in", "im", "dis", "ir", "il", "non", "dés", "des", "on", "mé", "de", "s", "a", "onge", "不", "非", "无")
)
_SHORTEST_STEM = 4
# Opposites in the beginning of a word, and roles in its end.
_BEGINNINGS = (
    *(("over", "under"), ("hyper", "hypo"), ("pre", "post"), ("in", "ex"), ("im", "ex"), ("up", "down"), ("in", "out")),
    *(("ein", "aus"), ("an", "ab"), ("auf", "ab"), ("zu", "ab"), ("über", "unter"), ("ober", "unter"), ("ver", "ent")),
    *(("be", "ent"), ("in", "uit"), ("aan", "af"), ("op", "af"), ("boven", "onder"), ("ver", "ont"), ("vor", "nach")),
    *(("sur", "sous"), ("sobre", "sub"), ("sopra", "sotto"), ("multi", "mono"), ("macro", "micro"), ("maxi", "mini")),
)
_LATER_PARTS = (("ful", "less"), ("voll", "los"), ("pflichtig", "frei"), ("haltig", "frei"), ("reich", "arm"))
_ROLES = (("er", "ee"), ("or", "ee"), ("geber", "nehmer"), ("gever", "nemer"))
_ENDINGS, _ROLE_ENDINGS = (tuple((one[::-1], two[::-1]) for one, two in pairs) for pairs in (_LATER_PARTS, _ROLES))


class Difference(NamedTuple):
    """Two sentences side by side: the symbols and words that only one has, after equal ones are removed."""

    gone: frozenset[str]
    come: frozenset[str]
    our_denials: int
    their_denials: int
    opposites: tuple[tuple[str, str], ...]
    roles: tuple[tuple[str, str], ...]
    our_rest: tuple[str, ...]
    their_rest: tuple[str, ...]
    shared: int
    said: tuple[frozenset[str], frozenset[str]]
    denied: tuple[str, str]
    in_order: bool

    @property
    def exact(self) -> bool:
        """Whether no word of content is left without a counterpart."""
        return self.shared > 0 and not self.our_rest and not self.their_rest

    @property
    def near(self) -> bool:
        """Whether two of three words of content have a counterpart, and no more than two are without."""
        most = max(len(self.our_rest), len(self.their_rest))
        return self.exact or (most <= 2 and self.shared >= 2 * most)

    @property
    def close(self) -> bool:
        """Whether at most one word of content on each side has no counterpart."""
        return self.shared > 0 and max(len(self.our_rest), len(self.their_rest)) <= 1

    @property
    def cancels(self) -> bool:
        """Whether denials and opposites outweigh each other: "not open", "closed"."""
        ours = self.our_denials + _denying(self.our_rest)
        theirs = self.their_denials + _denying(self.their_rest)
        return (ours + theirs + len(self.opposites)) % 2 == 0


class _Reading(NamedTuple):
    """The symbols of a sentence, the number of its denials, and the word after the first."""

    symbols: tuple[str, ...]
    said: frozenset[str]
    denials: int
    denied: str


@lru_cache(maxsize=2048)
def _read(words: Clause) -> _Reading:
    found = symbols(words)
    said = frozenset(found)
    denials = 0 if said.isdisjoint(_DENYING) else sum(map(_DENYING.__contains__, found))
    places = (place for place, symbol in enumerate(found, 1) if symbol in _DENYING) if denials else ()
    denied = next((found[place] for place in places if place < len(found)), "")
    return _Reading(tuple(found), said, denials, denied)


def compare(ours: Clause, theirs: Clause) -> Difference | None:
    """Return how two sentences differ, or nothing if they differ in too many words."""
    one, other = _read(ours), _read(theirs)
    gone, come = _less(one, other), _less(other, one)
    our_words, their_words = _words(gone), _words(come)
    if max(len(our_words), len(their_words)) > _LONGEST_DIFFERENCE:
        return None
    replaced = _matched(our_words, their_words, _in_other_role)
    opposed = _matched(our_words, their_words, _opposed)
    same = _matched(our_words, their_words, _same)
    both = {word for word in one.said & other.said if not word.isupper()}
    return Difference(
        gone=gone,
        come=come,
        our_denials=one.denials,
        their_denials=other.denials,
        opposites=tuple(opposed),
        roles=tuple(replaced),
        our_rest=tuple(our_words),
        their_rest=tuple(their_words),
        shared=len(both) + len(opposed) + len(replaced) + len(same),
        said=(one.said, other.said),
        denied=(one.denied, other.denied),
        in_order=not opposed or _placed(one, both - gone - come) == _placed(other, both - gone - come),
    )


def _placed(reading: _Reading, words: set[str]) -> list[str]:
    return [word for word in reading.symbols if word in words]


def _less(one: _Reading, other: _Reading) -> frozenset[str]:
    """Return the symbols that the first sentence has more often."""
    if len(one.said) == len(one.symbols):
        return one.said - other.said
    return frozenset(Counter(one.symbols) - Counter(other.symbols))


def _words(counted: frozenset[str]) -> list[str]:
    return [word for word in sorted(counted) if (not word.isupper() and word[0] > "9") or word in _PRICED]


def _denying(words: Iterable[str]) -> int:
    return sum(any(denies and pair in DENYING_PAIRS for pair, denies in senses_of(word)[:1]) for word in words)


def _matched(ours: list[str], theirs: list[str], test: Callable[[str, str], bool]) -> list[tuple[str, str]]:
    """Remove the pairs of words that pass the test from both lists, and return them."""
    found = []
    for word in tuple(ours):
        other = next((other for other in theirs if test(word, other)), "")
        if other:
            ours.remove(word)
            theirs.remove(other)
            found.append((word, other))
    return found


def _opposed(word: str, other: str) -> bool:
    if _turned(senses_of(word), senses_of(other)):
        return True
    if word[-_SHORTEST_STEM:] == other[-_SHORTEST_STEM:]:
        return is_prefixed(word, other) or _exchanged(word, other, _BEGINNINGS)
    return word[:_SHORTEST_STEM] == other[:_SHORTEST_STEM] and _exchanged(word[::-1], other[::-1], _ENDINGS)


def _in_other_role(word: str, other: str) -> bool:
    if _turned(roles().get(word, ()), roles().get(other, ())):
        return True
    if word[-_SHORTEST_STEM:] == other[-_SHORTEST_STEM:]:
        short, long = sorted((word, other), key=len)
        return long == f"ver{short}" and short.endswith("er")
    return word[:_SHORTEST_STEM] == other[:_SHORTEST_STEM] and _exchanged(word[::-1], other[::-1], _ROLE_ENDINGS)


def _exchanged(word: str, other: str, parts: tuple[tuple[str, str], ...]) -> bool:
    """Tell whether two words are one except for a pair of opposite beginnings: "overpaid", "underpaid"."""
    return any(
        (word.startswith(one) and other == two + word.removeprefix(one))
        or (word.startswith(two) and other == one + word.removeprefix(two))
        for one, two in parts
        if min(len(word) - len(one), len(other) - len(two)) >= _SHORTEST_STEM
    )


def _turned(ours: tuple[Sense, ...], theirs: tuple[Sense, ...]) -> bool:
    return bool(ours and theirs) and any((pair, not side) in theirs for pair, side in ours)


def is_prefixed(word: str, other: str) -> bool:
    """Tell whether one of the two words is the other with a prefix that denies: "used", "unused"."""
    short, long = sorted((word, other), key=len)
    return (
        not is_separable(long, short)
        and len(short) >= _SHORTEST_STEM
        and long.endswith(short)
        and long.removesuffix(short) in _PREFIXES
    )


def is_separable(long: str, short: str) -> bool:
    """Tell whether a prefix is a Dutch one that denies nothing: "invullen", "vullen"."""
    return long.startswith("in") and short.endswith("en")


def _same(word: str, other: str) -> bool:
    """Tell whether two words are forms of one, or have one meaning in the lists."""
    if not set(senses_of(word)).isdisjoint(senses_of(other)) or root(word) == root(other):
        return True
    if word.replace("zu", "", 1) == other.replace("zu", "", 1):  # "anzumelden", "anmelden"
        return True
    least = min(len(word), len(other))
    return least >= _SHORTEST_STEM and word[: max(4, least * 3 // 4)] == other[: max(4, least * 3 // 4)]
