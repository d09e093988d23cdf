"""Deterministic guards: checks for differences that change the meaning and that similarities miss.

A flag vetoes a similarity that reached its threshold, so guards prefer false negatives to false positives.
docs/metrics.md lists the measured rate of both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.metrics.guards.answer_kind import (
    json_broken,
    language_changed,
    refusal_one_side,
    script_changed,
)
from pytest_graysplit.evaluation.metrics.guards.antonyms import antonym
from pytest_graysplit.evaluation.metrics.guards.negation import negation_flipped
from pytest_graysplit.evaluation.metrics.guards.order import order_swapped
from pytest_graysplit.evaluation.metrics.guards.parsed_text import parse
from pytest_graysplit.evaluation.metrics.guards.quantities import bound_changed, number_changed, value_changed
from pytest_graysplit.evaluation.metrics.guards.wording.contrasts import contrasts

if TYPE_CHECKING:
    from pytest_graysplit.types import Flag

_GUARDS = (
    json_broken,
    refusal_one_side,
    script_changed,
    language_changed,
    number_changed,
    bound_changed,
    value_changed,
    negation_flipped,
    antonym,
    order_swapped,
)

# Flags about the form of an answer; the others are about its meaning, which takes a reader to see.
ABOUT_FORM = ("tool-changed", "refusal-one-side", "json-broken", "language-changed", "script-changed")


def flags(control: str, treatment: str) -> tuple[Flag, ...]:
    """Return the changes of meaning from the control's text to the treatment's, at most one flag per guard."""
    control, treatment = control.strip(), treatment.strip()
    if control == treatment or not control or not treatment:
        return ()
    ours, theirs = parse(control), parse(treatment)
    found = [flag for guard in _GUARDS if (flag := guard(ours, theirs))]
    names = {flag.name for flag in found}
    return (*found, *(flag for flag in contrasts(ours, theirs) if flag.name not in names))
