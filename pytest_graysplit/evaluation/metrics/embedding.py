"""Agreement in meaning of two answers, as the vectors of an embedding model see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.replies.relay.vectors import cosine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Embedded:
    """The cosine of two texts' vectors, which a function gives; below 0 it counts as nothing in common."""

    name = "semantic"

    def __init__(self, embed: Callable[[str], Sequence[float]]) -> None:
        """Score with the vectors that `embed` returns; no vector is asked for twice for one pair."""
        self._embed = embed

    def texts(self, control: str, treatment: str) -> tuple[str, ...]:
        """Return the texts whose vectors the score needs: none where it is known without them."""
        ours, theirs = control.strip(), treatment.strip()
        return (control, treatment) if ours and theirs and ours != theirs else ()

    def score(self, control: str, treatment: str) -> float:
        """Score from 0 to 1; symmetric, 1 for one text twice, 0 where one side says nothing and the other does."""
        if not self.texts(control, treatment):
            return float(control.strip() == treatment.strip())
        return self.scaled(cosine(self._embed(control), self._embed(treatment)))

    def scaled(self, angle: float) -> float:
        """Make a score of a cosine."""
        # Rounding can make two parallel vectors a hair more than parallel.
        return min(1.0, max(0.0, angle))
