"""Equality of two answers, for labels and one-word answers."""

from __future__ import annotations

import unicodedata


class Exact:
    """Score of 1 when both answers are the same text, ignoring white space around it; 0 otherwise."""

    name = "exact"

    def score(self, control: str, treatment: str) -> float:
        """Score 1 or 0; symmetric. Characters are compared in composed form, so equal-looking letters are equal."""
        return float(_plain(control) == _plain(treatment))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()
