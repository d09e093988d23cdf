"""Deterministic guards: differences that change the meaning and that no similarity sees.

A flag vetoes a similarity threshold that was reached, so each guard would rather miss than cry wolf; docs/metrics.md
tells how often each does either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.metrics.guards.answer_kind import json_broken, refusal_one_side
from pytest_graysplit.evaluation.metrics.guards.antonyms import antonym
from pytest_graysplit.evaluation.metrics.guards.language import language_changed, script_changed
from pytest_graysplit.evaluation.metrics.guards.negation import negation_flipped
from pytest_graysplit.evaluation.metrics.guards.order import order_swapped
from pytest_graysplit.evaluation.metrics.guards.parsed_text import read
from pytest_graysplit.evaluation.metrics.guards.units import amount_changed

if TYPE_CHECKING:
    from pytest_graysplit.types import Flag

_GUARDS = (
    json_broken,
    refusal_one_side,
    script_changed,
    language_changed,
    amount_changed,
    negation_flipped,
    antonym,
    order_swapped,
)


def flags(control: str, treatment: str) -> tuple[Flag, ...]:
    """Return what changed in meaning from the control's text to the treatment's, at most one flag a guard."""
    control, treatment = control.strip(), treatment.strip()
    if control == treatment or not control or not treatment:
        return ()
    ours, theirs = read(control), read(treatment)
    return tuple(flag for guard in _GUARDS if (flag := guard(ours, theirs)))
