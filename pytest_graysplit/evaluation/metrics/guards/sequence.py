"""The order of steps: the part of the guard against exchanged parts that reads across clauses."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.evaluation.metrics.guards.parsed_text import MOST_CLAUSES, content, negations
from pytest_graysplit.evaluation.metrics.guards.wording.lexicon import step_words
from pytest_graysplit.evaluation.metrics.words import FUNCTION_WORDS, spaced, split_words, stem, word_set

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_graysplit.evaluation.metrics.guards.parsed_text import ParsedText

_ONWARD = word_set(
    "then afterwards afterward subsequently thereafter dann danach anschließend puis ensuite luego poi"
    " daarna vervolgens"
)
_BACK_AND_FORTH = word_set("before after")
# These open a subordinate clause whose step comes before the main clause: "Once it is cold, open it".
_OPENING = word_set("before after once")
_LINKING = _ONWARD | _OPENING
_FIRST_TWO = frozenset(("1", "2"))
# Words that give the place of a step and are not part of the step itself.
_PLACING = frozenset(
    map(
        stem,
        _LINKING
        | word_set(
            "first firstly second secondly third next last lastly finally step zuerst zunächst primero primeiro"
            " eerst prima abord"
        ),
    )
)
# Instructions have few steps; in a longer list, two items that moved are a rewording of something else.
_MOST = 12
# The characters of an answer that are read; instructions are shorter.
_LONGEST = 10_000
# The words before a list say which things it lists.
_INTRODUCTION = 200


class Step(NamedTuple):
    """An action before or after another one: its words, and the stems of those that carry content."""

    words: tuple[str, ...]
    content: frozenset[str]

    def __str__(self) -> str:
        return " ".join(word for word in self.words if stem(word) not in _PLACING)


def reversed_steps(control: ParsedText, treatment: ParsedText) -> tuple[Step, Step] | None:
    """Return two steps of the control, in its order, that the treatment takes in the other order."""
    if not (_may_order(control) and _may_order(treatment) and _share_words(control, treatment)):
        return None
    for ours in sequences(control):
        for theirs in sequences(treatment):
            if found := _reversed(ours, theirs):
                return found
    return None


def same_steps(control: ParsedText, treatment: ParsedText) -> bool:
    """Tell whether two texts take the same steps in the same order, as "first X, then Y" and "Y after X" do."""
    orders = [{tuple(step.content for step in one) for one in sequences(text)} for text in (control, treatment)]
    return not orders[0].isdisjoint(orders[1])


@lru_cache(maxsize=64)
def sequences(parsed: ParsedText) -> tuple[tuple[Step, ...], ...]:
    """Return the ordered steps of the text, each series in the order of time."""
    found: list[list[Step]] = []
    if _lists(parsed) and _are_steps(items := [*map(_words, _listed().findall(parsed.text[:_LONGEST]))], parsed):
        found.append([_step(words) for words in items])
    if not _LINKING.isdisjoint(parsed.words):
        found += _narrated(parsed.text[:_LONGEST])
    kept = (tuple(steps) for steps in found if 2 <= len(steps) <= _MOST and all(one.content for one in steps))
    return tuple(dict.fromkeys(kept))[:MOST_CLAUSES]


def _may_order(parsed: ParsedText) -> bool:
    """Tell, by a cheap test, whether the text may put steps in an order; most do not."""
    return not _LINKING.isdisjoint(parsed.words) or _lists(parsed)


def _share_words(control: ParsedText, treatment: ParsedText) -> bool:
    """Tell, by a cheap test, whether the sentences with a link have two words in common."""
    if _lists(control) or _lists(treatment):
        return True
    ours, theirs = (
        {word for one in text.sentences if not _LINKING.isdisjoint(one) for word in one}
        for text in (control, treatment)
    )
    return len((ours & theirs) - FUNCTION_WORDS - _LINKING) > 1


def _lists(parsed: ParsedText) -> bool:
    return parsed.figures >= _FIRST_TWO and ("\n" in parsed.text or "step" in parsed.words)


def _are_steps(items: Sequence[Sequence[str]], parsed: ParsedText) -> bool:
    """Tell whether the items of a numbered list are steps; songs, ideas and features may have any order."""
    lists = step_words()
    items = [words for words in items if words]
    opening = split_words(parsed.text[: parsed.text.find("1")][-_INTRODUCTION:])
    if not items or len(items) > _MOST or not lists["UNORDERED"].isdisjoint(opening):
        return False
    acting = sum(words[0] in lists["ACTIONS"] or words[-1] in lists["ACTIONS"] for words in items)
    linked = not all(lists["LINKING"].isdisjoint(words[:2]) for words in items)
    if linked or not lists["NAMING"].isdisjoint(parsed.words):
        return 2 * acting >= len(items) or "step" in parsed.words
    return 3 * acting >= 2 * len(items)


def _narrated(text: str) -> Iterator[list[Step]]:
    """Yield the series of two or more steps; most sentences are one step, and no more is read of these."""
    series: list[Sequence[str]] = []
    for words in map(_words, _sentence_end().split(text)):
        if not words or words[0] not in _ONWARD:  # "First open it. Then close it." is one series
            if len(series) > 1:
                yield [*map(_step, series)]
            series = []
        if words and not negations(tuple(words)):  # "do not open it before it is cold" asks for the other order
            series += _in_order(words)
    if len(series) > 1:
        yield [*map(_step, series)]


def _in_order(words: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the words of each step of a sentence in the order of time."""
    if words and _LINKING.isdisjoint(words):
        yield words
        return
    if words and words[0] in _OPENING and "," in words:
        comma = words.index(",")
        parts = words[1:comma], words[comma + 1 :]
        yield from parts[::-1] if words[0] == "before" else parts
        return
    start = 0
    for place, word in enumerate((*words, "then")):
        if word in _ONWARD:
            if place > start:
                yield from _around_link(words[start:place])
            start = place + 1


def _around_link(words: Sequence[str]) -> tuple[Sequence[str], ...]:
    places = [place for place, word in enumerate(words) if word in _BACK_AND_FORTH]
    if len(places) != 1:
        return (words,)
    (place,) = places
    parts = words[:place], words[place + 1 :]
    return parts if words[place] == "before" else parts[::-1]


def _reversed(ours: Sequence[Step], theirs: Sequence[Step]) -> tuple[Step, Step] | None:
    if len(ours) == len(theirs) == 2:
        return (ours[0], ours[1]) if _exchanged(ours, theirs) else None
    places = {step.content: place for place, step in enumerate(theirs)}
    if len(places) < len(theirs) or len({step.content for step in ours}) < len(ours):
        return None  # a repeated step is before and after the others
    for first, second in combinations([step for step in ours if step.content in places], 2):
        if places[first.content] > places[second.content]:
            return first, second
    return None


def _exchanged(ours: Sequence[Step], theirs: Sequence[Step]) -> bool:
    """Tell whether words that only the first step had are now in the second: "turn left, then right"."""
    (first, second), (their_first, their_second) = ([step.content for step in steps] for steps in (ours, theirs))
    gone, come = first - their_first, their_first - first
    return (
        bool(gone and come)
        and (gone <= their_second and come <= second)
        and gone.isdisjoint(second)
        and come.isdisjoint(their_second)
    )


def _step(words: Sequence[str]) -> Step:
    plain = tuple(word for word in words if word != ",")
    return Step(plain, content(plain) - _PLACING)


def _words(text: str) -> list[str]:
    words = _word().findall(spaced(text).lower())
    return _after_that().sub(" then ", " ".join(words)).split() if "after" in words else words


@cache
def _word() -> re.Pattern[str]:
    return re.compile(r"\w+|,")


@cache
def _after_that() -> re.Pattern[str]:
    return re.compile(r"\b(?:and )?after(?: that| this)\b")


@cache
def _sentence_end() -> re.Pattern[str]:
    return re.compile(r"[.!?;:](?=\s|$)|\n")


@cache
def _listed() -> re.Pattern[str]:
    return re.compile(r"(?:^[ *#]*|\bstep\s+)\d+[*]*[.):]\s+(.*?)(?=$|\bstep\s+\d)", re.MULTILINE | re.IGNORECASE)
