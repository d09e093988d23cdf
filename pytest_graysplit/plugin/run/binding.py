"""Everything that a reply needs is taken hold of before the first test body runs, out of reach of what tests replace.

A test may mock the network, freeze the time or put a fake file system in place of the real one, for itself or for a
whole session, while replies are still fetched ahead of it or asked for in its body.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_graysplit.errors import GraysplitError
from pytest_graysplit.plugin.collect.plans import PLAN
from pytest_graysplit.plugin.run.prefetch_window import wants_window
from pytest_graysplit.plugin.runtime import state_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from pytest_graysplit.plugin.context import State
    from pytest_graysplit.replies.fetcher import Wish

ASKS_IN_BODY = "graysplit_relay"


def bind(session: pytest.Session, users: Sequence[pytest.Item]) -> None:
    """Read the recordings and open what sends and stores, for tests that will ask while tests run.

    What goes wrong here is told where the reply is wanted, with the test that wants it.
    """
    with suppress(GraysplitError):
        state = state_of(session.config)
        if state.settings.treatments:
            asking = [item for item in users if ASKS_IN_BODY in getattr(item, "fixturenames", ())]
            if state.settings.record != "off":
                for path in {state.planner.recording_of(item.path) for item in asking}:
                    state.recordings.keys(path)
            missing = _missing_ahead(state, users)
            if state.settings.record != "none" and (asking or missing):
                state.require_folders(missing)
                state.runner.make_ready()


def _missing_ahead(state: State, users: Sequence[pytest.Item]) -> list[Wish]:
    """Return what is to be fetched while tests run."""
    if not wants_window(state.config, stops_early=state.settings.early_stop is not None):
        return []
    plans = [item.stash[PLAN] for item in users if PLAN in item.stash]
    return state.runner.missing(wish for plan in plans for some in plan.wishes.values() for wish in some)
