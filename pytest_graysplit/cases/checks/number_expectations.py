"""The expectation of a number: which number an answer settles on, and whether it is the right one."""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.cases.checks import CheckFailure
from pytest_graysplit.errors import Slug
from pytest_graysplit.formatting.display import cut, exact_number, excerpt, shortlist
from pytest_graysplit.formatting.number_reading import CURRENCY, Quantity, is_near, plain_numbers, quantities

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_graysplit.types import Expect

_HINT = "ask for the number alone or for a last line such as 'Answer: 12'; tolerance allows rounding"

# Words between a mark and its number.
_FILL = (
    rf"(?:[^\w.;!?]|{CURRENCY}|\b(?:about|approximately|approx\.?|around|roughly|exactly|only|just|now|then|thus"
    rf"|also|a|an"
    r"|of|ca\.?|circa|etwa|rund|genau|nur|environ|aproximadamente|unos|text|mathbf)\b)*+$"
)
_VERBS = (
    r"=|≈|\b(?:is|are|was|were|be|equals?|makes|gives|costs?|totals?|comes to|amounts to|ist|sind|lautet|beträgt"
    r"|ergibt|kostet"
    r"|est|sont|coûte|es|son|cuesta|è|sono|costa|é|são|custa|bedraagt|kost|是|为|は)"
)
_NOUNS = (
    r"answer|result|solution|grand total|total|sum|antwort|ergebnis|lösung|summe|gesamtsumme|insgesamt|réponse"
    r"|résultat"
    r"|respuesta|resultado|risposta|risultato|totale|resposta|antwoord|uitkomst|totaal|答案|答え"
)
# From the strongest mark of a final answer to the weakest.
_MARKS = tuple(
    re.compile(mark + _FILL, re.IGNORECASE)
    for mark in (
        rf"(?:\\boxed\{{|####|\bfinal (?:{_NOUNS}|value|number)(?: {_VERBS})?)",
        rf"\b(?:{_NOUNS})\b\W*?(?: ?(?:{_VERBS}))?",
        r"(?<!\w)\*\*(?![\s*])[^*\n]{0,40}?",
        rf"(?<!there )(?:{_VERBS})",
    )
)
_BOLD, _VERB = 2, 3
_MOST_NUMBERS = 500
_SO = re.compile(
    r"=|\b(?:so|therefore|thus|hence|altogether|in total|overall|also|daher|somit|insgesamt|donc|por lo tanto"
    r"|quindi|dus)\b"
    r"[^\d]*$",
    re.IGNORECASE,
)
# A calculation goes on behind the number.
_OPERATOR = re.compile(r"\s*[-+*/×÷]\s*[\d(]")  # noqa: RUF001 - signs of multiplication
_CLAUSE_END = re.compile(r"[,;:!?()\n]|\.(?=\s)|\b(?:but|sondern|aber|mais|sino|pero|ma|mas|maar)\b", re.IGNORECASE)
_DENIED = re.compile(
    r"(?:\b(?:not|never|cannot|neither|nor|without|rather than|instead of|nicht|kein\w*|nie|statt|pas|jamais|no"
    r"|nunca|non"
    r"|não|niet|geen)\b|n't\b|不|没)(?:\W+\w+){0,4}\W*$",
    re.IGNORECASE,
)
_DENIED_AFTER = re.compile(
    r"\W{0,3}\w{0,12}\W{0,2}\b(?:is|was|would be|ist|wäre|est|es|è|é)\s+(?:not|wrong|incorrect|false|too|nicht"
    r"|falsch|zu"
    r"|faux|falso|incorrecto)\b",
    re.IGNORECASE,
)
_BOUND = re.compile(
    r"(?:[<>≤≥]=?|\b(?:more than|less than|fewer than|greater than|higher than|lower than|over|under|above|below"
    r"|at least"
    r"|at most|up to|exceeds?|minimum of|maximum of|mehr als|weniger als|über|unter|mindestens|höchstens|bis zu"
    r"|plus de"
    r"|moins de|au moins|au plus|más de|menos de|al menos|más que|più di|meno di|almeno|mais de|pelo menos|meer dan"
    r"|minder dan"
    r"|minstens|hoogstens))\W*(?:\b(?:a|an|about|the|etwa)\b\W*)*$",
    re.IGNORECASE,
)
_BOUND_AFTER = re.compile(
    r"\+(?![\d\s]*\d)|\s*(?:or|oder|ou|o)\s+(?:more|less|fewer|mehr|weniger|plus|moins|más|menos|più|meno)\b",
    re.IGNORECASE,
)
_BETWEEN = re.compile(
    rf"\s*\S{{0,3}}\s*(?:-|/|~|\.\.\.?|…|,? ?(?:or|oder|ou|o|to|bis|à|and|und|y|e|et|en|versus"
    rf"|vs\.?))\s*{CURRENCY}?\s*\W{{0,3}}",
    re.IGNORECASE,
)


class _Mention(NamedTuple):
    quantity: Quantity
    before: str
    mark: int | None
    is_stated: bool


def check_number(expect: Expect, text: str) -> Iterator[CheckFailure]:
    """Yield the failure of an answer that does not settle on the expected number."""
    if expect.number is None:
        return
    readable = plain_numbers(text)
    found = quantities(readable, expect.language)
    settled = settled_number(readable, found)
    wanted, tolerance = Decimal(str(expect.number)), Decimal(str(expect.tolerance or 0))
    if settled is not None and is_near(settled.value, wanted, tolerance):
        return
    within = f" (give or take {exact_number(tolerance)})" if tolerance else ""
    problem = f"expected the number {exact_number(wanted)}{within}, {_found(found, settled, readable)}"
    yield CheckFailure(problem, _HINT, Slug.EXPECT_NUMBER, "expect.number")


def settled_number(text: str, found: Sequence[Quantity]) -> Quantity | None:
    """Return the number that a text settles on; None if it states none, or several without a final one.

    Numbers that are denied, or only bounds, are not stated. Labels count only if there is no other number. Of several
    values that is settled which alone has the strongest mark of a final answer, and no alternative beside it.
    """
    chosen = [each for each in found if not each.is_label] or list(found)
    mentions = [_mention(text, each) for each in chosen[-_MOST_NUMBERS:]]
    stated = [each for each in mentions if each.is_stated]
    # Of a longer answer only the end is read, which could leave out another value.
    is_whole = len(chosen) <= _MOST_NUMBERS or len({each.value for each in chosen}) == 1
    if is_whole and len({each.quantity.value for each in stated}) == 1:
        return stated[-1].quantity if _is_alone(text, stated[-1].quantity, chosen) else None
    final = _final(text, stated)
    return final if final is not None and _is_alone(text, final, chosen) else None


def _final(text: str, stated: Sequence[_Mention]) -> Quantity | None:
    for mark in range(len(_MARKS)):
        marked = [each.quantity for each in stated if each.mark == mark]
        if len({each.value for each in marked}) == 1:
            return marked[-1]
        if marked and mark <= _BOLD:
            return None
    # A calculation ends with its result, and a conclusion with its number.
    if stated and _SO.search(_sentence_before(text, stated[-1].quantity)):
        return stated[-1].quantity
    return None


def _mention(text: str, quantity: Quantity) -> _Mention:
    before = text[max(0, quantity.begin - 100) : quantity.begin]
    clause = _CLAUSE_END.split(before)[-1]
    after = text[quantity.end : quantity.end + 40]
    denied = _DENIED.search(clause) or _DENIED_AFTER.match(after)
    bound = _BOUND.search(clause) or _BOUND_AFTER.match(after)
    mark = next((place for place, pattern in enumerate(_MARKS) if pattern.search(before)), None)
    if mark == _VERB and _OPERATOR.match(after):
        mark = None
    return _Mention(quantity, before, mark, not denied and not bound)


def _is_alone(text: str, settled: Quantity, found: Sequence[Quantity]) -> bool:
    """Tell whether no other value stands beside a number as its alternative, or as the other end of a range."""
    for first, second in pairwise(found):
        if settled in (first, second) and first.value != second.value:
            gap = text[first.end : second.begin]
            if len(gap) <= 20 and _BETWEEN.fullmatch(gap):
                return False
    return True


def _sentence_before(text: str, quantity: Quantity) -> str:
    return re.split(r"[!?\n]|\.(?=\s)", text[max(0, quantity.begin - 300) : quantity.begin])[-1]


def _found(found: Sequence[Quantity], settled: Quantity | None, text: str) -> str:
    if settled is not None:
        return f"found {_shown(settled)} in {excerpt(text, settled.begin)}"
    values = list(dict.fromkeys(map(_shown, found)))
    if not values:
        return f"found no number in {excerpt(text)}"
    if len(values) == 1:
        return f"found {values[0]} only as a bound or denied in {excerpt(text, found[0].begin)}"
    return f"found {shortlist(values, 4)}, of which the answer settles on none, in {excerpt(text)}"


def _shown(quantity: Quantity) -> str:
    value = quantity.value
    plain = exact_number(value) if -20 < value.adjusted() < 20 else str(value)
    return cut(
        plain
        if re.fullmatch(r"[\d.-]+", quantity.written) and plain == quantity.written
        else f"{plain} ({quantity.written!r})",
        60,
    )
