"""Early stop of a run: cases in a seeded order, and no requests or tests for a treatment that is decided."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from pytest_graysplit.plugin.collect.plans import PLAN
from pytest_graysplit.plugin.collect.selection import is_decided, plans_of
from pytest_graysplit.reporting.json_report import write_text
from pytest_graysplit.verdict import EarlyStop, StopReason, order_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pytest_graysplit.config.settings import Settings
    from pytest_graysplit.plugin.run_totals import RunTotals

DECIDED = "not needed: the early stop has decided this treatment"


class EarlyStopSkipper:
    """The hooks of a process that runs tests: order the cases, and skip those of decided treatments.

    `stops_path` is the file in which an xdist controller names the decided treatments; None without workers.
    """

    def __init__(self, settings: Settings, totals: RunTotals, stops_path: Path | None) -> None:
        self._settings = settings
        self._totals = totals
        self._stops_path = stops_path

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put the planned items in the seeded order, into the places of planned items."""
        places = [place for place, item in enumerate(items) if PLAN in item.stash]
        planned = sorted((items[place] for place in places), key=_order)
        for place, item in zip(places, planned, strict=True):
            items[place] = item

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Write the size of the largest cluster for the controller, which has no items."""
        if (path := _cluster_path(self._stops_path)) is not None and not path.exists():
            write_text(path, [str(_largest_cluster(session.items))])

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Skip an item whose treatment is decided."""
        if PLAN not in item.stash:
            return
        self._read_stops()
        if is_decided(item.stash[PLAN], self._settings.treatments, self._totals.stops):
            self._totals.skipped += 1
            pytest.skip(DECIDED)

    def _read_stops(self) -> None:
        """Read the decided treatments in a worker, which has only its own part of the results."""
        if self._stops_path is not None and self._stops_path.exists():
            stops = json.loads(self._stops_path.read_text("utf-8"))
            self._totals.stops = {name: StopReason(**stop) for name, stop in stops.items()}


class EarlyStopMonitor:
    """The hooks of the process that reports: evaluate the results in the seeded order until they decide a treatment.

    `stops_path` is the file that names the decided treatments for xdist workers on this machine.
    """

    def __init__(self, settings: Settings, totals: RunTotals) -> None:
        self._settings = settings
        self._totals = totals
        self._early = EarlyStop(margin=settings.margin, promote=settings.early_stop == "both")
        self._written = 0
        self.stops_path: Path | None = None
        totals.stops = self._early.stops

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Take the order from the items of this process."""
        if session.items:
            self._early.follow([item.nodeid for item in session.items], _largest_cluster(session.items))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Take the order from a worker: all workers collect the same items in the same seeded order."""
        path = _cluster_path(self.stops_path)
        self._early.follow(ids, int(path.read_text("utf-8")) if path is not None and path.exists() else 1)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        """Evaluate an item after its last report."""
        if report.when in ("teardown", "???"):
            # An application's result comes with its last run; until then one arm alone would close the case.
            results = [one for one in self._totals.results.of(report.nodeid) if not one.is_unpaired]
            self._early.report(report.nodeid, tuple(results))
            if self.stops_path is not None and len(self._early.stops) > self._written:
                self._written = len(self._early.stops)
                stops = {name: asdict(stop) for name, stop in self._early.stops.items()}
                write_text(self.stops_path, [json.dumps(stops)])

    def settle(self) -> None:
        """Drop the results of items after the deciding case, which depend on the timing of workers."""
        results, treatments = self._totals.results, self._settings.treatments
        late = [nodeid for nodeid, served in results.served(treatments) if not self._early.counts(nodeid, served)]
        self._totals.late += len(late)
        results.drop(late)
        for path in (self.stops_path, _cluster_path(self.stops_path)):
            if path is not None:
                path.unlink(missing_ok=True)


def _cluster_path(stops_path: Path | None) -> Path | None:
    return None if stops_path is None else stops_path.with_suffix(".largest")


def _largest_cluster(items: Iterable[pytest.Item]) -> int:
    """Return the number of cases in the largest cluster; 1 if no case has a cluster."""
    cases = {plan.key: plan.case.cluster for plan in plans_of(items) if plan.case.cluster}
    return max(Counter(cases.values()).values(), default=1)


def _order(item: pytest.Item) -> bytes:
    plan = item.stash[PLAN]
    return order_of(plan.key, plan.case.cluster)
