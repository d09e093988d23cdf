"""The part of the guard against a changed number that compares units: "2 kg", "2 lb"; "5 days", "5 weeks"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.metrics.guards.numbers import amounts_in, neighbouring_units, number_changed, written
from pytest_graysplit.evaluation.metrics.words import split_words, stem
from pytest_graysplit.types import Flag

if TYPE_CHECKING:
    from pytest_graysplit.evaluation.metrics.guards.numbers import Amount
    from pytest_graysplit.evaluation.metrics.guards.parsed_text import ParsedText

_KINDS = (
    "second minute hour day week month quarter year",
    "mm cm m km inch feet foot yard mile metre meter kilometre kilometer",
    "g kg gram kilogram lb lbs pound oz ounce ton tonne",
    "ml l litre liter gallon pint",
    "kb mb gb tb",
    "eur euro usd dollar gbp chf",
)
_KIND_OF = {stem(word): kind for kind, words in enumerate(_KINDS) for word in words.split()}
_ONE_NAME = {"euro": "eur", "dollar": "usd", "metr": "m", "meter": "m", "kilogram": "kg", "gram": "g", "pound": "lb",
             "lbs": "lb", "liter": "l", "litr": "l", "ounc": "oz", "feet": "foot", "kilometr": "km", "kilometer": "km",
             "tonn": "ton"}  # fmt: skip


def amount_changed(control: ParsedText, treatment: ParsedText) -> Flag | None:
    """Flag a number that differs in the treatment, or that has another unit there."""
    return number_changed(control, treatment) or _unit_changed(control, treatment)


def _unit_changed(control: ParsedText, treatment: ParsedText) -> Flag | None:
    """Flag a number that the treatment repeats with another unit of the same kind, beside a similar word."""
    if not (control.figures & treatment.figures):
        return None
    ours, theirs = _measured(control), _measured(treatment)
    for amount, unit, around in ours:
        if _says(theirs, amount, unit):
            continue
        for other, other_unit, other_around in theirs:
            same = not amount.values.isdisjoint(other.values) and not around.isdisjoint(other_around)
            if same and _KIND_OF[unit] == _KIND_OF[other_unit] and not _says(ours, other, other_unit):
                was, now = _named(control.text, amount, unit), _named(treatment.text, other, other_unit)
                return Flag(name="number-changed", detail=f"control says {was}, treatment says {now}")
    return None


def _measured(parsed: ParsedText) -> list[tuple[Amount, str, frozenset[str]]]:
    """Return the numbers beside exactly one unit, each with the unit and the other words beside it."""
    found = []
    for amount in amounts_in(parsed):
        words = neighbouring_units(parsed.text, amount)
        units = {word for word in words if word in _KIND_OF}
        if len(units) == 1:
            found.append((amount, units.pop(), frozenset(words) - _KIND_OF.keys()))
    return found


def _named(text: str, amount: Amount, unit: str) -> str:
    """Return the number with its unit as the text spells it; a mark such as the dollar's becomes its name."""
    after = split_words(text[amount.end : amount.end + 32])
    return f"{written(text, amount)} {next((word for word in after if stem(word) == unit), unit)}"


def _says(those: list[tuple[Amount, str, frozenset[str]]], amount: Amount, unit: str) -> bool:
    name = _ONE_NAME.get(unit, unit)
    return any(_ONE_NAME.get(one, one) == name and not some.values.isdisjoint(amount.values) for some, one, _ in those)
