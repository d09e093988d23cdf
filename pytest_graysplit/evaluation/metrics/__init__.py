"""The registry of built-in metrics; each one is imported when it is requested."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_graysplit.types import Metric

NAMES: tuple[str, ...] = ("lexical", "exact", "json", "semantic")


def built_in(name: str) -> Metric | None:
    """Return the built-in metric of that name, or None."""
    if name not in NAMES:
        return None
    if name == "semantic":
        from pytest_graysplit.evaluation.metrics.semantic import Semantic

        return Semantic()
    from pytest_graysplit.evaluation.metrics.text import Exact, JsonSimilarity, Lexical

    if name == "exact":
        return Exact()
    return JsonSimilarity() if name == "json" else Lexical()
