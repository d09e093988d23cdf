"""The guards against another script or language than the control answers in."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pytest_graysplit.metrics.words import LANGUAGE_OF
from pytest_graysplit.types import Flag

if TYPE_CHECKING:
    from pytest_graysplit.metrics.guards.reading import Reading

# First and last character of the blocks in which each script writes; Japanese is told from Chinese by its kana.
_BLOCKS = (
    ("A", "z", "Latin"), ("À", "\u024f", "Latin"), ("Ͱ", "\u03ff", "Greek"), ("Ѐ", "\u052f", "Cyrillic"),
    ("\u0530", "\u058f", "Armenian"), ("\u0590", "\u05ff", "Hebrew"), ("\u0600", "\u06ff", "Arabic"),
    ("\u0900", "\u0dff", "Indic"), ("\u0e00", "\u0e7f", "Thai"), ("\u10a0", "\u10ff", "Georgian"),
    ("\u1100", "\u11ff", "Hangul"), ("\u1e00", "\u1eff", "Latin"), ("\u3040", "\u30ff", "Kana"),
    ("\u3400", "\u9fff", "Han"), ("\uac00", "\ud7af", "Hangul"),
)  # fmt: skip
_SAMPLE = 60
_TELLING = frozenset(LANGUAGE_OF)


def script_changed(control: Reading, treatment: Reading) -> Flag | None:
    """Flag a treatment that is mostly written in another script."""
    if control.text.isascii() and treatment.text.isascii():
        return None
    ours, theirs = _script(control.text), _script(treatment.text)
    if not ours or not theirs or ours == theirs:
        return None
    return Flag(name="script-changed", detail=f"control writes {ours} script, treatment writes {theirs} script")


def language_changed(control: Reading, treatment: Reading) -> Flag | None:
    """Flag a treatment in another language, where both texts have enough function words to tell."""
    if len(control.words & treatment.words & _TELLING) >= 3:  # the common case, cheaply: they share a language
        return None
    ours = _language(control)
    theirs = _language(treatment) if ours else ""
    if not ours or not theirs or ours == theirs:
        return None
    return Flag(name="language-changed", detail=f"control answers in {ours}, treatment in {theirs}")


def _script(text: str) -> str:
    if len(text.encode("latin-1", "ignore")) > 0.7 * len(text):  # accents and typographic marks: no need to count
        return "Latin" if any(letter.isalpha() for letter in text[:_SAMPLE]) else ""
    letters = [letter for letter in text if letter.isalpha()]
    counts = Counter(map(_block, letters[:: len(letters) // _SAMPLE + 1]))
    if counts["Kana"]:
        counts["Kana"] += counts.pop("Han", 0)
    script, count = counts.most_common(1)[0] if counts else ("", 0)
    return script if count >= 2 else ""


def _block(letter: str) -> str:
    return next((script for first, last, script in _BLOCKS if first <= letter <= last), "")


def _language(reading: Reading) -> str:
    told = _TELLING & reading.words
    if len(told) < 3:
        return ""
    language, count = Counter(map(LANGUAGE_OF.__getitem__, told)).most_common(1)[0]
    return language if count >= 3 and count >= 0.7 * len(told) else ""
