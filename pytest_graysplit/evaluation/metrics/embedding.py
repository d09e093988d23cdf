"""Similarity of meaning of two answers, from the vectors of an embedding model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.replies.relay.vectors import cosine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Embedded:
    """The cosine of two texts' vectors; a negative cosine scores 0."""

    name = "semantic"

    def __init__(self, embed: Callable[[str], Sequence[float]]) -> None:
        """Score with the vectors that `embed` returns; each text of a pair is embedded at most once."""
        self._embed = embed

    def texts(self, control: str, treatment: str) -> tuple[str, ...]:
        """Return the texts whose vectors the score needs; empty where the score is known without vectors."""
        ours, theirs = control.strip(), treatment.strip()
        return (control, treatment) if ours and theirs and ours != theirs else ()

    def score(self, control: str, treatment: str) -> float:
        """Score from 0 to 1; symmetric, 1 for equal texts, 0 where exactly one text is blank."""
        if not self.texts(control, treatment):
            return float(control.strip() == treatment.strip())
        return self.scaled(cosine(self._embed(control), self._embed(treatment)))

    def scaled(self, angle: float) -> float:
        """Convert a cosine into a score."""
        # Rounding can make the cosine of two parallel vectors slightly larger than 1.
        return min(1.0, max(0.0, angle))
