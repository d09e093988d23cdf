"""The guards against a changed number, a changed bound, and a changed identifier."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.metrics.guards.quantities import bounds
from pytest_graysplit.evaluation.metrics.guards.quantities.identifiers import IDENTIFIERS, URL, shape
from pytest_graysplit.evaluation.metrics.guards.quantities.reading.numerals import MOST_CHARACTERS, plain
from pytest_graysplit.evaluation.metrics.guards.quantities.reading.quantity import (
    CLOCK,
    DATE,
    ORDINAL,
    VERSION,
    Quantity,
)
from pytest_graysplit.evaluation.metrics.guards.quantities.reading.reader import read
from pytest_graysplit.evaluation.metrics.guards.quantities.screen import bounds_may_differ, may_differ
from pytest_graysplit.evaluation.metrics.guards.quantities.tables.number_words import number_words
from pytest_graysplit.evaluation.metrics.guards.quantities.tables.units import units
from pytest_graysplit.evaluation.metrics.words import FUNCTION_WORDS, split_words, stem, word_set
from pytest_graysplit.types import Flag

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_graysplit.evaluation.metrics.guards.parsed_text import ParsedText

# Two long tables show a changed number within this many.
_MOST_PAIRS = 50
# A clause that has one of these, where the other has none, may say the opposite of the opposite bound.
_TURNING = frozenset(
    map(
        stem,
        word_set(
            "nothing free only otherwise else never without nichts erst nur sonst kostenlos nie ohne keine kein rien"
            " gratuit jamais sans nada solo gratis nunca sin niente mai senza niets alleen nooit zonder geen refuse"
            " decline forbid"
        ),
    )
)
# "No more than", "no máximo": a part of the bound.
_DENYING = word_set("no not nicht pas non não niet ne")
_AROUND = 120


class Side:
    """The quantities of one answer, with the words around each."""

    def __init__(self, parsed: ParsedText) -> None:
        self.text = plain(parsed.text)
        self.parsed = parsed
        self.quantities, is_cut = read(self.text, parsed.words)
        self.is_cut = is_cut or len(parsed.text) > MOST_CHARACTERS
        self._around: dict[Quantity, frozenset[str]] = {}
        self._beside: dict[Quantity, tuple[str, str]] = {}

    @property
    def has_names(self) -> bool:
        """Whether an identifier is among the quantities."""
        return any(not IDENTIFIERS.isdisjoint(one.kinds) for one in self.quantities)

    def around(self, one: Quantity) -> frozenset[str]:
        """Return the stems of the content words of the clause, or of the sentence if the clause has none."""
        if one not in self._around:
            self._around[one] = self._words_around(one)
        return self._around[one]

    def _words_around(self, one: Quantity) -> frozenset[str]:
        for ends in (_clause_end(), _sentence_end()):
            before = ends.split(self.text[max(0, one.start - _AROUND) : one.start])[-1]
            after = ends.split(self.text[one.end : one.end + _AROUND], maxsplit=1)[0]
            words = _content(before) | _content(after)
            if words:
                return words
        return frozenset()

    def beside(self, one: Quantity) -> tuple[str, str]:
        """Return the stems of the nearest content words before and after the quantity."""
        if one not in self._beside:
            self._beside[one] = self._words_beside(one)
        return self._beside[one]

    def _words_beside(self, one: Quantity) -> tuple[str, str]:
        before = _telling(reversed(split_words(self.text[max(0, one.start - 32) : one.start])))
        return before, _telling(split_words(self.text[one.end : one.end + 32]))

    def written(self, one: Quantity, *, whole: bool = True) -> str:
        """Return the quantity as the text writes it."""
        return self.text[one.start : one.end if whole else one.number_end].strip()


def number_changed(control: ParsedText, treatment: ParsedText) -> Flag | None:
    """Flag a quantity of the control that differs in the treatment and is about the same thing.

    A quantity that one side leaves out, or that counts something else there, has not changed.
    """
    if not may_differ(control, treatment):
        return None
    ours, theirs = Side(control), Side(treatment)
    missing, new = _missing(ours, theirs), _missing(theirs, ours)
    for one in missing:
        for other in new:
            if IDENTIFIERS.isdisjoint(one.kinds) and _contradicts(one, ours, other, theirs):
                return Flag(name="number-changed", detail=_detail(one, ours, other, theirs))
    return None


def identifier_changed(control: ParsedText, treatment: ParsedText) -> Flag | None:
    """Flag an e-mail address, a URL, a phone number or a code that differs in the treatment."""
    if not _may_name(control, treatment):
        return None
    ours, theirs = Side(control), Side(treatment)
    if not (ours.has_names and theirs.has_names):
        return None
    missing = [one for one in _missing(ours, theirs) if not IDENTIFIERS.isdisjoint(one.kinds)]
    new = [one for one in _missing(theirs, ours) if not IDENTIFIERS.isdisjoint(one.kinds)] if missing else []
    for one in missing:
        for other in new:
            if one.kinds == other.kinds and _names_same(one, other) and _same_thing(one, ours, other, theirs):
                return Flag(name="value-changed", detail=_detail(one, ours, other, theirs))
    return None


def _may_name(control: ParsedText, treatment: ParsedText) -> bool:
    """Tell, without reading, whether both sides may have an identifier that differs."""
    if any(mark in control.text and mark in treatment.text for mark in ("@", "://", "www.")):
        return control.words != treatment.words
    return may_differ(control, treatment)


def bound_changed(control: ParsedText, treatment: ParsedText) -> Flag | None:
    """Flag a quantity that is a lower bound on one side and an upper bound on the other."""
    if not bounds_may_differ(control, treatment):
        return None
    ours, theirs = Side(control), Side(treatment)
    known = {key for one in theirs.quantities for key in one.keys}
    for one in ours.quantities[:_MOST_PAIRS]:
        if one.keys.isdisjoint(known) or not (bound := _bound(one, ours)):
            continue
        same = [other for other in theirs.quantities[:_MOST_PAIRS] if not one.keys.isdisjoint(other.keys)]
        found = {_bound(other, theirs) for other in same}
        own = {_bound(each, ours) for each in ours.quantities[:_MOST_PAIRS] if not one.keys.isdisjoint(each.keys)}
        if (
            own == {bound}
            and found == {bounds.LEAST, bounds.MOST} - {bound}
            and _same_statement(one, ours, same[0], theirs)
        ):
            was, now = f"{bound} {ours.written(one)}", f"{min(found)} {theirs.written(same[0])}"
            return Flag(name="bound-changed", detail=f"control says {was}, treatment says {now}")
    return None


def _bound(one: Quantity, side: Side) -> str:
    return bounds.bound_of(side.text, one.start, one.end, is_version=VERSION in one.kinds)


def _missing(ours: Side, theirs: Side) -> list[Quantity]:
    """Return the first quantities of one side that the other does not say in any writing."""
    known = frozenset().union(*[one.keys for one in theirs.quantities])
    bare = frozenset().union(*[one.raw for one in theirs.quantities if one.is_plain])
    raw = frozenset().union(*[one.raw for one in theirs.quantities])
    days = [one for one in theirs.quantities if one.days][:_MOST_PAIRS]
    found: list[Quantity] = []
    for one in ours.quantities:
        if one.vague or not one.keys.isdisjoint(known) or not one.raw.isdisjoint(raw if _is_bare(one) else bare):
            continue
        if one.days and any(one.is_same_day(other) for other in days):
            continue
        if VERSION in one.kinds and any(_is_longer(one, other) for other in theirs.quantities):
            continue
        if theirs.is_cut and ours.written(one, whole=False) in theirs.parsed.figures:
            continue
        found.append(one)
        if len(found) == _MOST_PAIRS:
            break
    return found


def _is_bare(one: Quantity) -> bool:
    return one.is_plain or ORDINAL in one.kinds


def _is_longer(one: Quantity, other: Quantity) -> bool:
    """Tell whether one of two versions is the other with more parts: 3.10 and 3.10.2."""
    if VERSION not in other.kinds:
        return False
    (_, mine), (_, its) = next(iter(one.keys)), next(iter(other.keys))
    return f"{mine}.".startswith(f"{its}.") or f"{its}.".startswith(f"{mine}.")


def _contradicts(one: Quantity, ours: Side, other: Quantity, theirs: Side) -> bool:
    """Tell whether two quantities are different answers to one question."""
    if one.kinds.isdisjoint(other.kinds):
        return _other_kind(one, ours, other, theirs)
    if one.days and not any(mine.shares(its) for mine in one.days for its in other.days):
        return False
    if one.is_plain and not _counts_same(one, ours, other, theirs):
        return False
    if not _same_thing(one, ours, other, theirs):
        return False
    return not one.is_near(other) and not _is_rough(one, ours, other, theirs)


def _other_kind(one: Quantity, ours: Side, other: Quantity, theirs: Side) -> bool:
    """Tell whether only the unit was replaced by one of another kind: "20%", "20 euros"."""
    if one.raw.isdisjoint(other.raw) or one.is_plain or other.is_plain or {DATE, CLOCK} & (one.kinds | other.kinds):
        return False
    around = ours.around(one)
    return bool(around) and around == theirs.around(other)


def _is_rough(one: Quantity, ours: Side, other: Quantity, theirs: Side) -> bool:
    """Tell whether one of two numbers is said to be rough, and the other is near it."""
    if not any(_about().search(side.text[max(0, each.start - 16) : each.start].lower())
               for each, side in ((one, ours), (other, theirs))):  # fmt: skip
        return False
    return any(
        isinstance(a, float) and isinstance(b, float) and system == its and abs(a - b) <= 0.1 * max(abs(a), abs(b))
        for system, a in one.keys
        for its, b in other.keys
    )


def _counts_same(one: Quantity, ours: Side, other: Quantity, theirs: Side) -> bool:
    """Tell whether two numbers without a unit count the same noun, or follow the same word."""
    (before, after), (their_before, their_after) = ours.beside(one), theirs.beside(other)
    if after and their_after:
        return after == their_after or (bool(before) and before == their_before)
    return before == their_before or not (before or after) or not (their_before or their_after)


def _names_same(one: Quantity, other: Quantity) -> bool:
    (kind, key), (_, its) = next(iter(one.keys)), next(iter(other.keys))
    if kind == URL:
        return not (str(key).startswith(str(its)) or str(its).startswith(str(key)))
    return kind != "code" or shape(str(key)) == shape(str(its))


def _same_thing(one: Quantity, ours: Side, other: Quantity, theirs: Side) -> bool:
    """Tell whether the words around two quantities are alike: more than half of the fewer, or two of them."""
    around, their_around = ours.around(one), theirs.around(other)
    if not around or not their_around:
        return True
    shared, fewer = len(around & their_around), min(len(around), len(their_around))
    return 2 * shared > fewer or (shared >= 2 and 2 * shared >= fewer)


def _same_statement(one: Quantity, ours: Side, other: Quantity, theirs: Side) -> bool:
    """Tell whether two clauses say the same beside the bound; "free above 60" and "5 euros below 60" do not."""
    around, their_around = ours.around(one), theirs.around(other)
    if not _TURNING.isdisjoint(around ^ their_around):
        return False
    return 3 * len(around & their_around) >= 2 * max(len(around), len(their_around))


def _detail(one: Quantity, ours: Side, other: Quantity, theirs: Side) -> str:
    was, now = ours.written(one, whole=False), theirs.written(other, whole=False)
    if not one.raw.isdisjoint(other.raw) or was == now or one.days:
        was, now = ours.written(one), theirs.written(other)
    return f"control says {was}, treatment says {now}"


@cache
def _ignored() -> frozenset[str]:
    """Return the words of quantities, which do not say what is counted."""
    return FUNCTION_WORDS | _DENYING | number_words().keys() | units().keys() | bounds.WORDS


def _content(text: str) -> frozenset[str]:
    ignored = _ignored()
    return frozenset(stem(word) for word in split_words(text) if word[0] > "9" and word not in ignored)


def _telling(words: Iterator[str] | Sequence[str]) -> str:
    return next((stem(word) for word in words if word not in FUNCTION_WORDS and word[0] > "9"), "")


@cache
def _clause_end() -> re.Pattern[str]:
    return re.compile(r"[.!?](?=\s|$)|[;\n|]|[,)(](?=\s|$)|[。,;!?](?=[\u3400-\u9fff])|。")


@cache
def _sentence_end() -> re.Pattern[str]:
    return re.compile(r"[.!?](?=\s|$)|[;\n|]|。")


@cache
def _about() -> re.Pattern[str]:
    return re.compile(
        r"(?:\b(?:about|around|approximately|approx\.?|roughly|nearly|almost|some|ca\.?|circa|rund|etwa|ungefähr|fast"
        r"|environ|presque|unos|unas|aproximadamente|casi|quasi|cerca de|quase|ongeveer|bijna)|~|≈|约|大约|近)\s?$"
    )
