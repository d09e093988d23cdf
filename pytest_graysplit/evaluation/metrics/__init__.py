"""The registry of built-in metrics; each one is imported when it is requested."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_graysplit.types import Metric

NAMES: tuple[str, ...] = ("lexical", "exact", "json", "semantic")


def built_in(name: str) -> Metric | None:
    """Return the built-in metric of that name, or None."""
    if name == "lexical":
        from pytest_graysplit.evaluation.metrics.lexical import Lexical

        return Lexical()
    if name == "exact":
        from pytest_graysplit.evaluation.metrics.exact import Exact

        return Exact()
    if name == "json":
        from pytest_graysplit.evaluation.metrics.structural import Structural

        return Structural()
    if name == "semantic":
        from pytest_graysplit.evaluation.metrics.semantic import Semantic

        return Semantic()
    return None
