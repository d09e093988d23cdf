"""Early stopping in a run: cases in their seeded order, and nothing asked or run for a treatment that is decided."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_graysplit.plugin.collect.plans import PLAN
from pytest_graysplit.reporting.json_report import write_text
from pytest_graysplit.verdict import EarlyStop, StopReason, order_of
from pytest_graysplit.verdict.results import CONTROL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_graysplit.plugin.collect.plans import Plan
    from pytest_graysplit.plugin.context import RunContext

SPARED = "not needed: the early stop has decided this treatment"
# Under this key the controller tells a worker of its own machine where it says which treatments are decided.
WORKER_INPUT = "graysplit_stops"


class EarlyStopSkipper:
    """Lives where tests run: puts the cases in order, and skips those that nobody needs any more."""

    def __init__(self, state: RunContext) -> None:
        self._state = state

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put the planned items in the seeded order, into the places that planned items had."""
        places = [place for place, item in enumerate(items) if PLAN in item.stash]
        planned = sorted((items[place] for place in places), key=_order)
        for place, item in zip(places, planned, strict=True):
            items[place] = item

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Tell the controller, before it has the order, what only items know: how large the largest cluster is."""
        if (sizes := _sizes_path(_board_of(self._state))) is not None and not sizes.exists():
            write_text(sizes, [str(_largest_cluster(session.items))])

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Skip an item whose treatment is decided."""
        if PLAN not in item.stash:
            return
        sync_stops(self._state)
        if is_spared(self._state, item.stash[PLAN]):
            self._state.tally.spared += 1
            pytest.skip(SPARED)


class EarlyStopMonitor:
    """Lives where results are gathered: looks at them in order, until enough is shown."""

    def __init__(self, state: RunContext) -> None:
        self._state = state
        self._early = EarlyStop(margin=state.settings.margin, promote=state.settings.early_stop == "both")
        self._told = 0
        self.board: Path | None = None
        state.stops = self._early.stops

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Take the order from the items that this process runs."""
        if session.items:
            self._early.follow([item.nodeid for item in session.items], _largest_cluster(session.items))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Take the order from a worker: all of them collect the same, in the same seeded order."""
        sizes = _sizes_path(self.board)
        self._early.follow(ids, int(sizes.read_text("utf-8")) if sizes is not None and sizes.exists() else 1)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        """Look at an item when nothing more will be heard of it."""
        if report.when in ("teardown", "???"):
            self._early.report(report.nodeid, self._state.results.of(report.nodeid))
            if self.board is not None and len(self._early.stops) > self._told:
                self._told = len(self._early.stops)
                write_text(self.board, [json.dumps({name: asdict(stop) for name, stop in self._early.stops.items()})])

    def settle(self) -> None:
        """Take out what came after the case that decided: it would count or not as workers happened to run."""
        results, treatments = self._state.results, self._state.settings.treatments
        late = [nodeid for nodeid, served in results.served(treatments) if not self._early.counts(nodeid, served)]
        self._state.tally.late += len(late)
        results.drop(late)
        for path in (self.board, _sizes_path(self.board)):
            if path is not None:
                path.unlink(missing_ok=True)


def sync_stops(state: RunContext) -> None:
    """Let a worker hear which treatments are decided: it sees only its own part of the evidence."""
    if (board := _board_of(state)) is not None and board.exists():
        state.stops = {name: StopReason(**told) for name, told in json.loads(board.read_text("utf-8")).items()}


def _board_of(state: RunContext) -> Path | None:
    board = getattr(state.config, "workerinput", {}).get(WORKER_INPUT)
    return None if board is None else Path(board)


def _sizes_path(board: Path | None) -> Path | None:
    return None if board is None else board.with_suffix(".largest")


def _largest_cluster(items: Iterable[pytest.Item]) -> int:
    """Return of how many cases the largest cluster is; of one where no case names a cluster."""
    plans = [item.stash[PLAN] for item in items if PLAN in item.stash]
    cases = {_key(plan): plan.case.cluster for plan in plans if plan.case.cluster}
    return max(Counter(cases.values()).values(), default=1)


def is_spared(state: RunContext, plan: Plan) -> bool:
    """Tell whether every treatment that the plan's replies would serve is decided."""
    served: Sequence[str] = state.settings.treatments if plan.only_arm == CONTROL else (plan.treatment,)
    return all(treatment in state.stops for treatment in served)


def _order(item: pytest.Item) -> bytes:
    plan = item.stash[PLAN]
    return order_of(_key(plan), plan.case.cluster)


def _key(plan: Plan) -> tuple[str, str, str]:
    return plan.file, plan.case.id, plan.request_hash
