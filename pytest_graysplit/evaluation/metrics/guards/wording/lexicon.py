"""The words of a sentence with phrases of one meaning replaced by one symbol: "does not", "ne ... pas", "NOT"."""

from __future__ import annotations

from functools import cache, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.metrics.words import FUNCTION_WORDS, spaced, word_set

if TYPE_CHECKING:
    from collections.abc import Iterator

# The words that a phrase of the lists begins with, each with the rest of the phrase and its symbol, longest first.
Phrases = dict[str, list[tuple[tuple[str, ...], str]]]
# The meaning of a word in a pair of opposites: the pair, and whether the word is on its denying side.
Sense = tuple[str, bool]

IDLE = word_set("NEUTRAL WELCOME REMEMBER")
_CONTRACTED = {
    "NOT": "don doesn didn isn aren wasn weren won wouldn shouldn haven hasn hadn ain",
    "BAN": "can couldn mustn",
    "NEEDNOT": "needn",
}
# Words that may be left out, and that no list has: "please", "ne" beside "pas", "of the".
_DROPPED = FUNCTION_WORDS | word_set(
    "ne please bitte just simply gewesen geweest wurden worden werden ont avoir été essere avere aver stato"
    " stata stati ha han haber sido zijn 的 了 吗 呢 您 你 我 请 会 地 得 们 我们 将 被 把 吧 啊 对 在 有 是"
)
# At the end of a sentence, these belong to the verb: "Schalten Sie es ein".
_PARTICLES = word_set("ein aus an ab auf zu aan uit on off in out up down")
_PORTUGUESE = word_set("não em um uma você os ao à são seu sua prazo pelo pela dos das")
_ENDINGS = word_set(
    "ing ated ates ate ed es s e d en er em et n t te ten tes iert ierte ierten a o i as os ato ata ati"
    " ado ada ados adas ido ida idos idas ito ita iti ite ano ono are ere ire ar ir ó ió ou iu aron ieron"
    " aram iram é ée és ées ez ent ait aient ait"
)
_LONGEST_ENDING = max(map(len, _ENDINGS))
_SHORTEST_ROOT = 4


# A duty and its denial in one: "must not", "not need to"; in German, other words may stand between the two.
_ADJACENT: dict[tuple[str, ...], str] = {
    ("MUST", "NOT"): "BAN",
    ("NOT", "MUST"): "NEEDNOT",
    ("MAY", "NOT"): "BAN",
    ("NOT", "MAY"): "BAN",
}
_APART = {"MUSS": "NEEDNOT", "DARF": "BAN"}
_PLAIN = {"MUSS": "MUST", "DARF": "MAY"}


def _lines(name: str) -> list[str]:
    """Return the lines of a list, without comments; a line that begins with a space belongs to the one before it."""
    text = (files(__package__) / "lists" / name).read_text(encoding="utf-8")
    kept = "\n".join(line for line in text.split("\n") if line and not line.startswith("#"))
    return kept.replace("\n ", " ").split("\n")


@cache
def step_words() -> dict[str, frozenset[str]]:
    """Return the lists of words that tell whether a list has steps, by name."""
    lines = (line.partition(": ") for line in _lines("steps.txt"))
    return {name: frozenset(words.split(", ")) for name, _, words in lines}


@cache
def _phrases() -> Phrases:
    found: Phrases = {}
    for words, symbol in _entries():
        found.setdefault(words[0], []).append((words[1:], symbol))
    for options in found.values():
        options.sort(key=lambda option: -len(option[0]))
    return found


def _entries() -> Iterator[tuple[tuple[str, ...], str]]:
    seen = set()
    for line in _lines("closed_words.txt"):
        symbol, _, phrases = line.partition(":")
        for phrase in phrases.split(","):
            words = tuple(spaced(phrase).split())
            if words and words not in seen:
                seen.add(words)
                yield words, symbol
    for symbol, beginnings in _CONTRACTED.items():
        for word in beginnings.split():
            yield (word, "t"), symbol
            if word not in ("won", "can"):
                yield (f"{word}t",), symbol
    for word in (*senses(), *roles()):
        words = tuple(spaced(word.replace("_", " ")).split())
        if len(words) > 1 and words not in seen:
            yield words, word


def _pairs(name: str) -> Iterator[tuple[str, frozenset[str], frozenset[str]]]:
    for line in _lines(name):
        left, _, right = line.partition("|")
        yield f"{left.split()[0]}/{right.split()[0]}", word_set(left), word_set(right)


@cache
def senses() -> dict[str, tuple[Sense, ...]]:
    """Return the opposites: each word with its pairs."""
    found: dict[str, tuple[Sense, ...]] = {}
    for name, left, right in _pairs("opposites.txt"):
        for denies, words in ((False, left - right), (True, right - left)):
            for word in words:
                found[word] = (*found.get(word, ()), (name, denies))
    return {word: tuple(dict.fromkeys(its)) for word, its in found.items()}


@cache
def roles() -> dict[str, tuple[Sense, ...]]:
    """Return the roles: each word with its pairs."""
    found: dict[str, tuple[Sense, ...]] = {}
    for name, left, right in _pairs("roles.txt"):
        for second, words in ((False, left - right), (True, right - left)):
            for word in words:
                found[word] = (*found.get(word, ()), (name, second))
    return found


@cache
def _rooted() -> dict[str, tuple[Sense, ...]]:
    found: dict[str, tuple[Sense, ...]] = {}
    for word, its_senses in senses().items():
        if len(word) > _SHORTEST_ROOT:
            found.setdefault(root(word), its_senses)
    return found


@lru_cache(maxsize=8192)
def senses_of(word: str) -> tuple[Sense, ...]:
    """Return the pairs of opposites that a word, in any of its forms, belongs to."""
    return senses().get(word) or (_rooted().get(root(word), ()) if len(word) > _SHORTEST_ROOT else ())


@lru_cache(maxsize=8192)
def root(word: str) -> str:
    """Cut a common ending of any of the languages; "erlaubt" and "erlauben" become one word."""
    for length in range(min(_LONGEST_ENDING, len(word) - _SHORTEST_ROOT), 0, -1):
        if word[-length:] in _ENDINGS:
            return word[:-length]
    return word


def symbols(words: tuple[str, ...]) -> list[str]:
    """Return the words that carry meaning; phrases of the lists become symbols, which are in upper case."""
    phrases = _phrases()
    found = []
    place, last = 0, len(words)
    while place < last:
        word = words[place]
        place += 1
        for rest, symbol in phrases.get(word, ()):
            if not rest or (place < last and words[place] == rest[0] and words[place : place + len(rest)] == rest):
                place += len(rest)
                if symbol not in IDLE and not (word == "no" and place < last and words[place].isdecimal()):
                    found.append(symbol)  # "order no 5" denies nothing
                break
        else:
            if word not in _DROPPED or (place == last and word in _PARTICLES):
                found.append(word)
    if "no" in words and not _PORTUGUESE.isdisjoint(words) and "NOT" in found:  # "no" means "in the"
        found.remove("NOT")
    if "plus" in words and "NOT" not in found and ("n" in words or "ne" in words):  # "ne ... plus"
        found.append("NOT")
    return _joined(found)


def _joined(found: list[str]) -> list[str]:
    """Replace a duty and its denial by one symbol: "will not need to" is "need not"; drop the denial of a bound."""
    if "MORETHAN" in found:  # "must not weigh more than" is "may weigh at most"
        found = ["MAY" if word == "BAN" else word for word in found if word not in ("MORETHAN", "NOT")]
    if found.count("NOT") == 1:
        place = found.index("NOT")
        german = next((at for at, word in enumerate(found) if word in _APART), -1)
        if german >= 0:
            found[german] = _APART[found[german]]
            del found[place]
        elif together := _ADJACENT.get(("NOT", *found[place + 1 : place + 2])):
            found[place : place + 2] = [together]
        elif together := _ADJACENT.get((*found[max(0, place - 1) : place], "NOT")):
            found[place - 1 : place + 1] = [together]
    return [_PLAIN.get(word, word) for word in found]
