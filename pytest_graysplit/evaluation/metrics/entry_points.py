"""Metrics of other packages: entry points in the group `pytest_graysplit.metrics`, by name."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, cast

from pytest_graysplit.errors import Slug, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_graysplit.types import Metric

GROUP = "pytest_graysplit.metrics"


@cache
def found() -> dict[str, EntryPoint]:
    """Return the entry points by name, without loading any."""
    return {point.name: point for point in entry_points(group=GROUP)}


def load(name: str) -> Callable[[str, str], float]:
    """Return the scorer behind an entry point: a function of two texts, or the `score` of a metric or its class.

    Raises UsageError that names the package if the entry point cannot be loaded.
    """
    point = found()[name]
    package = point.dist.name if point.dist else point.value
    try:
        loaded = point.load()
        if isinstance(loaded, type):
            loaded = loaded()
    except Exception as error:  # noqa: BLE001 # the import of a foreign module may raise anything
        raise _unusable(name, package, f"{type(error).__name__}: {error}") from None
    scorer = getattr(loaded, "score", loaded)
    if not callable(scorer):
        raise _unusable(name, package, f"{point.value} is neither a function nor a metric with a score")
    return cast("Metric", loaded).score if scorer is not loaded else cast("Callable[[str, str], float]", loaded)


def _unusable(name: str, package: str, cause: str) -> UsageError:
    return UsageError(
        f"the metric {name!r} of the package {package} cannot be used: {cause}",
        hint=f"fix or uninstall {package}, or choose another metric; an entry point in {GROUP} is a function "
        "score(control, treatment) -> float from 0 to 1",
        slug=Slug.METRIC_BROKEN,
    )
