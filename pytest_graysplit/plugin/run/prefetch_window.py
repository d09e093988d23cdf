"""Fetching a little ahead of the tests, for runs that may end early and for xdist workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_graysplit.errors import GraysplitError
from pytest_graysplit.formatting.escaping import visible
from pytest_graysplit.plugin.collect.plans import PLAN
from pytest_graysplit.plugin.collect.selection import is_decided, items_to_run, plans_of
from pytest_graysplit.plugin.run.calibration import calibrate
from pytest_graysplit.replies.reply_request import shuffled
from pytest_graysplit.verdict import power_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_graysplit.plugin.collect.plans import Plan
    from pytest_graysplit.plugin.context import RunContext
    from pytest_graysplit.replies.reply_request import ReplyRequest


class PrefetchWindow:
    """A window of about two rounds of requests ahead of the running test; a run that ends pays for no more."""

    def __init__(self, context: RunContext, session: pytest.Session) -> None:
        self._context = context
        self._fetching = context.fetching
        self._session = session
        self._index = {item.nodeid: number for number, item in enumerate(session.items)}
        self._started: set[str] = set()
        self._cursor = 0
        # The number of requests per item that were sent ahead: those for replies, and those of metrics.
        self._replies_ahead: dict[str, int] = {}
        self._metrics_ahead: dict[str, int] = {}
        # The plans whose metrics wait for replies, and those whose later turns wait for the answers before them.
        self._metrics_waiting: dict[str, Plan] = {}
        self._turns_waiting: dict[str, Plan] = {}
        # Received replies count as well; otherwise the window would run far ahead of a slow test.
        self._limit = 2 * self._fetching.share.concurrency
        self._prepared = False
        self._announced = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Send requests ahead before each test; on an error the test does not run."""
        try:
            self._top_up(item, nextitem)
        except GraysplitError as error:
            if not self._context.worker.is_worker:
                raise pytest.UsageError(str(error)) from None
            # The controller does not show the usage error of a worker, but it shows the failure in its totals.
            self._context.totals.stop_run(self._session, error)
            return True
        self._receive(item)
        return None

    def _receive(self, item: pytest.Item) -> None:
        """Wait for the item's replies here: a test that runs in a fork has no thread that could receive them."""
        if any(not self._is_decided(plan) for plan in plans_of(items_to_run([item]))):
            self._context.evaluator.evaluate_all([item])

    def _is_decided(self, plan: Plan) -> bool:
        return is_decided(plan, self._context.settings.treatments, self._context.totals.stops)

    def _top_up(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        self._prepare()
        self._send_later_turns()
        self._send_for_metrics()
        self._start(item)
        self._replies_ahead.pop(item.nodeid, None)
        self._turns_waiting.pop(item.nodeid, None)
        self._metrics_waiting.pop(item.nodeid, None)  # the test itself sends the rest
        self._metrics_ahead.pop(item.nodeid, None)
        for upcoming in self._upcoming(nextitem):
            if sum(self._replies_ahead.values()) >= self._limit:
                return
            self._start(upcoming)

    def _start(self, item: pytest.Item) -> None:
        """Send the missing requests of an item; each item is looked up once, also in a long suite of recordings."""
        if item.nodeid in self._started:
            return
        self._started.add(item.nodeid)
        self._cursor = max(self._cursor, self._index[item.nodeid] + 1)
        for plan in plans_of(items_to_run([item])):
            if self._is_decided(plan):
                continue
            self._replies_ahead[item.nodeid] = self._send(plan.next_requests(self._fetching.fetcher))
            if plan.case.turns and self._context.settings.record != "none":
                self._turns_waiting[item.nodeid] = plan
            if self._context.evaluator.asks_model(plan):
                self._metrics_waiting[item.nodeid] = plan

    def _send_later_turns(self) -> None:
        """Send the next turns of conversations ahead, within the same limit."""
        for nodeid, plan in list(self._turns_waiting.items()):
            if sum(self._replies_ahead.values()) >= self._limit:
                return
            requests = plan.next_requests(self._fetching.fetcher)
            if all(map(self._fetching.fetcher.is_available, requests)):  # none is left, or a failure ends them
                del self._turns_waiting[nodeid]
            else:
                self._replies_ahead[nodeid] = self._replies_ahead.get(nodeid, 0) + self._send(requests)

    def _send_for_metrics(self) -> None:
        """Send the requests of metrics whose replies have arrived, within the same limit."""
        for nodeid, plan in list(self._metrics_waiting.items()):
            if sum(self._metrics_ahead.values()) >= self._limit:
                return
            if nodeid not in self._turns_waiting and self._fetching.fetcher.all_arrived(plan.all_requests):
                del self._metrics_waiting[nodeid]
                self._metrics_ahead[nodeid] = self._send(self._context.evaluator.requests_to_models(plan))

    def _send(self, requests: Iterable[ReplyRequest]) -> int:
        """Send the missing requests, and return their number."""
        if missing := self._fetching.fetcher.missing(requests):
            self._announce_cost()
            self._fetching.require_sendable(missing)
            self._fetching.fetcher.start(shuffled([missing]))
        return len(missing)

    def _prepare(self) -> None:
        if not self._prepared:
            self._prepared = True
            items = items_to_run(self._session.items)
            self._fetching.prepare([item.stash[PLAN] for item in items])
            calibrate(self._context, items)
            if self._fetching.budget is not None:
                self._fetching.require_limits(self._missing())
            if len({arm.access.endpoint for arm in self._context.settings.arms}) > 1:
                self._fetching.fetcher.expect(self._missing())

    def _missing(self) -> list[ReplyRequest]:
        """Return the missing requests of the whole run."""
        plans = plans_of(items_to_run(self._session.items))
        fetcher = self._fetching.fetcher
        return fetcher.missing(request for plan in plans for request in plan.next_requests(fetcher))

    def _announce_cost(self) -> None:
        """Print the expected cost once, except in a worker, which has no terminal and only a part of the run."""
        reporter = self._session.config.pluginmanager.get_plugin("terminalreporter")
        if self._announced or self._context.worker.is_worker or reporter is None or reporter.verbosity < -1:
            return
        self._announced = True
        reporter.ensure_newline()
        reporter.write_line(visible(f"graysplit: {self._fetching.estimate(self._missing())}, if every test runs"))
        power = expected_power(self._context, plans_of(items_to_run(self._session.items)))
        if power and reporter.verbosity >= 0:
            reporter.write_line(f"graysplit: {power}")

    def _upcoming(self, nextitem: pytest.Item | None) -> Iterator[pytest.Item]:
        """Yield the items that this process is known to run next."""
        if not self._context.worker.is_worker:
            yield from self._session.items[self._cursor :]
            return
        if nextitem is not None:
            yield nextitem
        yield from self._queued()

    def _queued(self) -> Iterator[pytest.Item]:
        # xdist passes only the next item to a worker. Its queue is private, so it may be missing without an error.
        for plugin in self._session.config.pluginmanager.get_plugins():
            queue = getattr(getattr(plugin, "torun", None), "_items", ())
            for number in tuple(queue):
                if isinstance(number, int):
                    yield self._session.items[number]


def expected_power(context: RunContext, plans: Iterable[Plan]) -> str:
    """Describe the smallest effect that the cases of a run can show; empty where looks are planned.

    With planned looks the effect depends on the look.
    """
    policy = context.settings.policy
    if policy.looks:
        return ""
    cases = {plan.key: plan.case.cluster for plan in plans}
    clusters = len({(cluster,) if cluster else key for key, cluster in cases.items()})
    return power_line(len(cases), policy.margin, clusters if clusters < len(cases) else None, policy.alpha)
