"""Fetch a little ahead of the tests, for runs that may end early or see only a part of the items."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from pytest_graysplit.errors import GraysplitError
from pytest_graysplit.formatting.escaping import visible
from pytest_graysplit.plugin.options import pytest_option
from pytest_graysplit.plugin.run.calibration import calibrate
from pytest_graysplit.plugin.run.early_stop import is_spared
from pytest_graysplit.plugin.run.prefetch import asked_by_metric, plans_to_run, power_of
from pytest_graysplit.replies.fetcher import shuffled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_graysplit.plugin.collect.plans import Plan
    from pytest_graysplit.plugin.context import State
    from pytest_graysplit.replies.fetcher import Wish


def wants_window(config: pytest.Config, *, stops_early: bool) -> bool:
    """Tell whether this run may stop before its last test, or is one worker of several."""
    given = partial(pytest_option, config)
    may_stop = stops_early or given("maxfail") or given("usepdb") or given("stepwise")
    return bool(may_stop or hasattr(config, "workerinput"))


class Window:
    """Keeps about two rounds of requests ahead of the running test, and nothing more is paid for when it stops."""

    def __init__(self, state: State, session: pytest.Session) -> None:
        self._state = state
        self._session = session
        self._index = {item.nodeid: number for number, item in enumerate(session.items)}
        self._looked_at: set[str] = set()
        self._cursor = 0
        self._ahead: dict[str, int] = {}
        self._unasked: dict[str, Plan] = {}
        self._asked: dict[str, int] = {}
        # Replies that came count as well: behind a slow test, requests in flight alone would run away from it.
        self._most = 2 * state.share.concurrency
        self._prepared = False
        self._told = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Top up before each test; the test does not run when that cannot be."""
        try:
            self._top_up(item, nextitem)
        except GraysplitError as error:
            if not self._state.is_worker:
                raise pytest.UsageError(str(error)) from None
            # A worker's own error message is lost on the way; the controller tells what the tally carries.
            self._state.stop_run(self._session, error)
            return True
        self._receive(item)
        return None

    def _receive(self, item: pytest.Item) -> None:
        """Wait for the item's replies here: a test that runs in a fork has no thread that could bring them."""
        if any(not is_spared(self._state, plan) for plan in plans_to_run([item])):
            self._state.hold_all([item])

    def _top_up(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        self._prepare()
        self._ask_ahead()
        self._start(item)
        self._ahead.pop(item.nodeid, None)
        self._unasked.pop(item.nodeid, None)  # its own test asks what is left
        self._asked.pop(item.nodeid, None)
        for known in self._known_ahead(nextitem):
            if sum(self._ahead.values()) >= self._most:
                return
            self._start(known)

    def _start(self, item: pytest.Item) -> None:
        """Send what the item lacks; once, so that a long suite of recordings is looked through once."""
        if item.nodeid in self._looked_at:
            return
        self._looked_at.add(item.nodeid)
        self._cursor = max(self._cursor, self._index[item.nodeid] + 1)
        for plan in plans_to_run([item]):
            if is_spared(self._state, plan):
                continue
            self._ahead[item.nodeid] = self._send(wish for wishes in plan.wishes.values() for wish in wishes)
            if self._state.scoring.asks(plan.case):
                self._unasked[item.nodeid] = plan

    def _ask_ahead(self) -> None:
        """Send what metrics ask about replies that have come, no further ahead than replies are asked for."""
        for nodeid, plan in list(self._unasked.items()):
            if sum(self._asked.values()) >= self._most:
                return
            if self._state.runner.arrived(wish for wishes in plan.wishes.values() for wish in wishes):
                del self._unasked[nodeid]
                self._asked[nodeid] = self._send(asked_by_metric(self._state, plan))

    def _send(self, wishes: Iterable[Wish]) -> int:
        """Send what is missing; return how much that was."""
        if missing := self._state.runner.missing(wishes):
            self._tell_cost()
            self._state.settings.require_key()
            self._state.require_bounds(missing)
            self._state.require_folders(missing)
            self._state.runner.start(shuffled([missing]))
        return len(missing)

    def _prepare(self) -> None:
        if not self._prepared:
            self._prepared = True
            plans = plans_to_run(self._session.items)
            self._state.prepare(plans)
            calibrate(self._state, plans)
            if self._state.budget is not None:
                self._state.require_bounds(self._missing())

    def _missing(self) -> list[Wish]:
        """Return what the whole run lacks, should every test run."""
        plans = plans_to_run(self._session.items)
        return self._state.runner.missing(wish for plan in plans for some in plan.wishes.values() for wish in some)

    def _tell_cost(self) -> None:
        """Say once what is ahead may cost; a worker has no terminal, and sees only its part of the run."""
        reporter = self._session.config.pluginmanager.get_plugin("terminalreporter")
        if self._told or self._state.is_worker or reporter is None or reporter.verbosity < -1:
            return
        self._told = True
        reporter.ensure_newline()
        reporter.write_line(visible(f"graysplit: {self._state.estimate(self._missing())}, if every test runs"))
        power = power_of(self._state, plans_to_run(self._session.items))
        if power and reporter.verbosity >= 0:
            reporter.write_line(f"graysplit: {power}")

    def _known_ahead(self, nextitem: pytest.Item | None) -> Iterator[pytest.Item]:
        """Yield the items that this process will run next, as far as anybody knows."""
        if not self._state.is_worker:
            yield from self._session.items[self._cursor :]
            return
        if nextitem is not None:
            yield nextitem
        yield from self._queued()

    def _queued(self) -> Iterator[pytest.Item]:
        # xdist tells a worker only about the next item; its queue is private, so its absence is no error.
        for plugin in self._session.config.pluginmanager.get_plugins():
            queue = getattr(getattr(plugin, "torun", None), "_items", ())
            for number in tuple(queue):
                if isinstance(number, int):
                    yield self._session.items[number]
