"""Hooks of a process that runs applications: the gateway is open for an item from its set-up to its teardown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_graysplit.errors import GraysplitError
from pytest_graysplit.formatting.display import plural
from pytest_graysplit.formatting.escaping import visible
from pytest_graysplit.plugin.app.app import App, output_text
from pytest_graysplit.plugin.app.gateway_holder import GatewayHolder
from pytest_graysplit.plugin.collect.plans import PLAN, drop
from pytest_graysplit.plugin.collect.selection import items_to_run, nothing_runs, will_run
from pytest_graysplit.plugin.options import pytest_option

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from pytest_graysplit.plugin.collect.plans import Plan
    from pytest_graysplit.plugin.context import RunContext

# The value of the fixture, from the set-up of its test to its teardown.
APP = pytest.StashKey[App]()


class AppHooks:
    """The hooks around each item that runs an application."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._holder = GatewayHolder(context.settings, context.fetching, context.hooks)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Start the gateway before any test can replace sockets, files or time."""
        plans = [item.stash[PLAN] for item in items_to_run(session.items) if item.stash[PLAN].app is not None]
        if plans and not nothing_runs(session):
            self._open(plans)
        return (yield)

    def _open(self, plans: Sequence[Plan]) -> None:
        context = self._context
        try:
            context.fetching.prepare_apps(plans)
            self._holder.start()
        except GraysplitError as error:
            if context.worker.is_worker:  # the controller shows no usage error of a worker: each test fails with it
                return
            raise pytest.UsageError(str(error)) from None
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
        try:
            calls = self._holder.enter(item.nodeid, plan)
        except GraysplitError as error:
            pytest.fail(str(error), pytrace=False)
        gateway = self._holder.start()
        item.stash[APP] = app = App(calls, base_url=lambda: gateway.url_of(calls), api_key=gateway.token)
        self._context.evaluator.begin_app(item, plan, calls, lambda: output_text(app))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        """Close the gateway for an item after all of its fixtures."""
        try:
            return (yield)
        finally:
            if APP in item.stash:
                drop(item, APP)
                self._holder.leave()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """End the gateway before the relay client, so that no request is left without an answer."""
        self._holder.stop()
