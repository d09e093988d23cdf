"""The guards against an answer in another script or language than the control's."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.metrics.scripts import script_of
from pytest_graysplit.evaluation.metrics.words import LANGUAGE_OF
from pytest_graysplit.types import Flag

if TYPE_CHECKING:
    from pytest_graysplit.evaluation.metrics.guards.parsed_text import Reading

_TELLING = frozenset(LANGUAGE_OF)


def script_changed(control: Reading, treatment: Reading) -> Flag | None:
    """Flag a treatment that is mostly written in another script."""
    if control.text.isascii() and treatment.text.isascii():
        return None
    ours, theirs = script_of(control.text), script_of(treatment.text)
    if not ours or not theirs or ours == theirs:
        return None
    return Flag(name="script-changed", detail=f"control writes {ours} script, treatment writes {theirs} script")


def language_changed(control: Reading, treatment: Reading) -> Flag | None:
    """Flag a treatment in another language, if both texts have enough function words to identify one."""
    if len(control.words & treatment.words & _TELLING) >= 3:  # the common case, cheaply: they share a language
        return None
    ours = _language(control)
    theirs = _language(treatment) if ours else ""
    if not ours or not theirs or ours == theirs:
        return None
    return Flag(name="language-changed", detail=f"control answers in {ours}, treatment in {theirs}")


def _language(reading: Reading) -> str:
    told = _TELLING & reading.words
    if len(told) < 3:
        return ""
    language, count = Counter(map(LANGUAGE_OF.__getitem__, told)).most_common(1)[0]
    return language if count >= 3 and count >= 0.7 * len(told) else ""
