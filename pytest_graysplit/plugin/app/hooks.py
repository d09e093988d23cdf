"""Hooks of a process that runs applications: the gateway is open for an item from its set-up to its teardown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_graysplit.errors import GraysplitError, Slug, UsageError
from pytest_graysplit.formatting.display import plural
from pytest_graysplit.formatting.escaping import visible
from pytest_graysplit.plugin.app.app import App, output_text
from pytest_graysplit.plugin.app.gateway_holder import GatewayHolder
from pytest_graysplit.plugin.app.shared_fixtures import SharedFixtures
from pytest_graysplit.plugin.collect.plans import PLAN, drop
from pytest_graysplit.plugin.collect.selection import items_to_run, nothing_runs, will_run
from pytest_graysplit.plugin.options import pytest_option

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from pytest_graysplit.gateway.item_calls import ItemCalls
    from pytest_graysplit.plugin.collect.plans import Plan
    from pytest_graysplit.plugin.context import RunContext

# Options and markers of pytest-run-parallel.
_REPEATING = ("parallel_threads", "force_parallel_threads", "iterations")
# The value of the fixture, from the set-up of its test to its teardown.
APP = pytest.StashKey[App]()


class AppHooks:
    """The hooks around each item that runs an application."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._holder = GatewayHolder(context.settings, context.fetching, context.hooks)
        self._shared = SharedFixtures()
        # The calls of the test that runs now.
        self._calls: ItemCalls | None = None
        # The reason why no application can run in this xdist worker; each test fails with it.
        self._problem: GraysplitError | None = None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Start the gateway before any test can replace sockets, files or time."""
        items = [item for item in items_to_run(session.items) if item.stash[PLAN].app is not None]
        if items and not nothing_runs(session):
            self._open(items)
        return (yield)

    def _open(self, items: Sequence[pytest.Item]) -> None:
        plans = [item.stash[PLAN] for item in items]
        try:
            refuse_threads(items)
            self._context.fetching.prepare_apps(plans)
            self._holder.start()
        except GraysplitError as error:
            if not self._context.worker.is_worker:
                raise pytest.UsageError(str(error)) from None
            self._problem = error  # the controller shows no usage error of a worker
        else:
            self._announce(plans)

    def _announce(self, plans: Sequence[Plan]) -> None:
        """Say once that the cost of tests without any recording is unknown before they run."""
        reporter = self._context.config.pluginmanager.get_plugin("terminalreporter")
        new = self._context.fetching.unrecorded_apps(plans)
        if not new or self._context.worker.is_worker or reporter is None or reporter.verbosity < -1:
            return
        what = f"{plural(new, 'run')} of your application {'has' if new == 1 else 'have'} no recordings yet"
        reporter.write_line(visible(f"graysplit: {what}; what their requests cost is known only afterwards"))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Open the gateway for an item before any of its fixtures."""
        plan = item.stash.get(PLAN, None)
        if plan is None or plan.app is None or pytest_option(item.config, "setuponly") or not will_run(item):
            return
        if self._problem is not None:
            pytest.fail(str(self._problem), pytrace=False)
        self._calls = calls = self._holder.enter(item.nodeid, plan)
        self._shared.spoil(item, calls)
        gateway = self._holder.start()
        item.stash[APP] = app = App(calls, base_url=lambda: gateway.url_of(calls), api_key=gateway.token)
        self._context.evaluator.begin_app(item, plan, calls, lambda: output_text(app))

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
        """Notice a fixture of a wider scope that asks the model under test."""
        if self._calls is None:
            return (yield)
        with self._shared.watched(fixturedef, self._calls):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        """Close the gateway for an item after all of its fixtures."""
        try:
            return (yield)
        finally:
            if APP in item.stash:
                drop(item, APP)
                self._calls = None
                self._holder.leave()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """End the gateway before the relay client, so that no request is left without an answer."""
        self._holder.stop()


def refuse_threads(items: Sequence[pytest.Item]) -> None:
    """Raise UsageError for a test whose body pytest-run-parallel would run several times at once.

    All requests belong to the test that runs, so its runs could not be told apart.
    """
    for item in items:
        if item.get_closest_marker("thread_unsafe") is None and any(_repeats(item, name) for name in _REPEATING):
            raise UsageError(
                f"{item.nodeid}: pytest-run-parallel would run this test several times at once, and the requests of "
                "its runs could not be told apart",
                hint="mark it with @pytest.mark.thread_unsafe, or leave out --parallel-threads and --iterations",
                slug=Slug.APP_PARALLEL,
            )


def _repeats(item: pytest.Item, name: str) -> bool:
    """Tell whether the marker or the option asks for more than one run."""
    marker = item.get_closest_marker(name)
    number = pytest_option(item.config, name) if marker is None else (*marker.args, *marker.kwargs.values(), None)[0]
    return number not in (None, 1, "1")
