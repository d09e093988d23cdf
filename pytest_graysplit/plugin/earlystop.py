"""Early stopping in a run: cases in their seeded order, and nothing asked or run for a treatment that is decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_graysplit.plugin.plans import PLAN
from pytest_graysplit.results import CONTROL
from pytest_graysplit.verdict import EarlyStop, order_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_graysplit.plugin.plans import Plan
    from pytest_graysplit.plugin.state import State

SPARED = "not needed: the early stop has decided this treatment"


class Spared:
    """Lives where tests run: puts the cases in order, and skips those that nobody needs any more."""

    def __init__(self, state: State) -> None:
        self._state = state

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put the planned items in the seeded order, into the places that planned items had."""
        places = [place for place, item in enumerate(items) if PLAN in item.stash]
        planned = sorted((items[place] for place in places), key=_order)
        for place, item in zip(places, planned, strict=True):
            items[place] = item

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Skip an item whose treatment is decided."""
        if PLAN in item.stash and is_spared(self._state, item.stash[PLAN]):
            self._state.tally.spared += 1
            pytest.skip(SPARED)


class Decided:
    """Lives where results are gathered: looks at them in order, until enough is shown."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._early = EarlyStop(margin=state.settings.margin, promote=state.settings.early_stop == "both")
        state.stops = self._early.stops

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Take the order from the items that this process runs."""
        self._early.follow([item.nodeid for item in session.items])

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        """Look at an item when nothing more will be heard of it."""
        if report.when in ("teardown", "???"):
            self._early.report(report.nodeid, self._state.results.of(report.nodeid))

    def settle(self) -> None:
        """Take out what came after the case that decided: it would count or not as workers happened to run."""
        results, treatments = self._state.results, self._state.settings.treatments
        late = [nodeid for nodeid, served in results.served(treatments) if not self._early.counts(nodeid, served)]
        self._state.tally.late += len(late)
        results.drop(late)


def is_spared(state: State, plan: Plan) -> bool:
    """Tell whether every treatment that the plan's replies would serve is decided."""
    served: Sequence[str] = state.settings.treatments if plan.alone == CONTROL else (plan.treatment,)
    return all(treatment in state.stops for treatment in served)


def _order(item: pytest.Item) -> bytes:
    plan = item.stash[PLAN]
    return order_of((plan.file, plan.case.id, plan.request))
