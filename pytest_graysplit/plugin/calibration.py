"""Calibrates `min_similarity="auto"` on every control reply of the run, before the first test."""

from __future__ import annotations

from contextlib import suppress
from math import isfinite
from typing import TYPE_CHECKING, cast

from pytest_graysplit.comparison import self_similarity
from pytest_graysplit.display import limit, plural
from pytest_graysplit.errors import UsageError
from pytest_graysplit.noise import cache, calibrated, settled, uncalibrated
from pytest_graysplit.plugin.plans import PLAN
from pytest_graysplit.results import CONTROL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pytest

    from pytest_graysplit.plugin.plans import Plan
    from pytest_graysplit.plugin.state import State
    from pytest_graysplit.types import Reply


def fetches_first(state: State, items: Iterable[pytest.Item]) -> bool:
    """Tell whether a run that would fetch a little ahead must fetch all: the first threshold needs every reply.

    A worker sees only a part of the items, so it calibrates on what is recorded and fetches none of it.
    """
    return not state.is_worker and any(item.stash[PLAN].case.min_similarity == "auto" for item in items)


def refuse_early_stop(state: State, plans: Iterable[Plan]) -> None:
    """Raise UsageError where calibrating would ask for every reply that an early stop is there to spare."""
    if state.settings.early_stop is not None and any(plan.case.min_similarity == "auto" for plan in plans):
        raise UsageError(
            "--graysplit-early-stop does not go with min_similarity=auto, which asks for every control reply first",
            hint="give a number, --graysplit-min-similarity=X, or leave out --graysplit-early-stop",
            slug="auto-early-stop",
        )


def calibrate(state: State, plans: Iterable[Plan]) -> None:
    """Give the plans that ask for auto their number, one for each metric.

    Raises UsageError in a worker that would have to fetch a control reply first.
    """
    asked: dict[str, list[Plan]] = {}
    for plan in plans:
        if plan.case.min_similarity == "auto":
            asked.setdefault(cast("str", plan.case.metric), []).append(plan)
    refuse_early_stop(state, [plan for some in asked.values() for plan in some])
    if state.is_worker:
        _refuse_to_fetch(state, [plan for some in asked.values() for plan in some])
    for metric, some in sorted(asked.items()):
        of = f" ({metric})" if len(asked) > 1 else ""
        state.noise_floor[metric] = threshold = _measure(state, some, of)
        for plan in some:
            plan.case = settled(plan.case, threshold)


def _measure(state: State, plans: Sequence[Plan], of: str) -> float | None:
    """Return the threshold of one metric, and note where there is none, or where it rests on a part of the suite."""
    # Several items may be about one case, such as one for each treatment: it counts once.
    cases = {tuple(wish.address for wish in plan.wishes[CONTROL]): plan for plan in plans}
    samples, scores = [], []
    for plan in cases.values():
        with suppress(Exception):  # what breaks here, such as a user's hook or a missing reply, is the test's to show
            samples.append(replies := _control(state, plan))
            score = self_similarity(replies, state.scoring.of(plan.case, plan.path, plan.into))
            scores += [score] if score is not None and isfinite(score) else []
    stored = cache(samples)
    threshold = None if stored else calibrated(scores)
    if threshold is None:
        fallbacks = {plan.case.fallback_similarity for plan in plans}
        state.tally.notes.append(uncalibrated(len(scores), stored, fallbacks, of))
    elif state.tally.deselected or state.tally.by_nodeid:
        selected = plural(len(scores), "selected case")
        state.tally.notes.append(f"min_similarity=auto{of} is {limit(threshold)}, calibrated on {selected} only")
    return threshold


def _control(state: State, plan: Plan) -> tuple[Reply, ...]:
    return tuple(map(state.runner.reply, plan.wishes[CONTROL]))


def _refuse_to_fetch(state: State, plans: Sequence[Plan]) -> None:
    wishes = {wish.address: wish for plan in plans for wish in plan.wishes[CONTROL]}
    if missing := state.runner.missing(wishes.values()):
        which = "are not recorded" if state.settings.record == "new" else "would be asked anew"
        raise UsageError(
            "auto thresholds are calibrated on every control reply before the first test; "
            f"{len(missing):,} of {len(wishes):,} {which}",
            hint="run once without -n, which records them, or give a number: --graysplit-min-similarity=X",
            slug="auto-workers",
        )
