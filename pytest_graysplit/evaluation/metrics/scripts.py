"""Detection of the script of a text, such as Latin."""

from __future__ import annotations

from collections import Counter

# First and last character of the blocks of each script; kana distinguish Japanese from Chinese.
_BLOCKS = (
    ("A", "z", "Latin"), ("À", "\u024f", "Latin"), ("Ͱ", "\u03ff", "Greek"), ("Ѐ", "\u052f", "Cyrillic"),
    ("\u0530", "\u058f", "Armenian"), ("\u0590", "\u05ff", "Hebrew"), ("\u0600", "\u06ff", "Arabic"),
    ("\u0900", "\u0dff", "Indic"), ("\u0e00", "\u0e7f", "Thai"), ("\u10a0", "\u10ff", "Georgian"),
    ("\u1100", "\u11ff", "Hangul"), ("\u1e00", "\u1eff", "Latin"), ("\u3040", "\u30ff", "Kana"),
    ("\u3400", "\u9fff", "Han"), ("\uac00", "\ud7af", "Hangul"),
)  # fmt: skip
_SAMPLE = 60


def script_of(text: str) -> str:
    """Return the script of most letters of a text, such as Latin; "" where there are too few letters."""
    if len(text.encode("latin-1", "ignore")) > 0.7 * len(text):  # accents and typographic marks need no counting
        return "Latin" if any(letter.isalpha() for letter in text[:_SAMPLE]) else ""
    letters = [letter for letter in text if letter.isalpha()]
    counts = Counter(map(_block, letters[:: len(letters) // _SAMPLE + 1]))
    if counts["Kana"]:
        counts["Kana"] += counts.pop("Han", 0)
    script, count = counts.most_common(1)[0] if counts else ("", 0)
    return script if count >= 2 else ""


def _block(letter: str) -> str:
    return next((script for first, last, script in _BLOCKS if first <= letter <= last), "")
