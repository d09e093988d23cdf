"""Registration of all hook objects of the plugin: the life of a run on one screen.

The hooks in `pytest_graysplit.plugin` itself are always there; they add options, collect items and call the functions
below. Everything else is imported and registered when it is needed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from pytest_graysplit.plugin.hookspecs import CONTROLLER, MONITOR, REPORTER, RUNNER

if TYPE_CHECKING:
    import pytest

    from pytest_graysplit.plugin.context import RunContext
    from pytest_graysplit.plugin.run.runner_hooks import RunnerHooks


def register_dashboard(config: pytest.Config) -> None:
    """Register at configuration, with `--graysplit-dashboard`: the hooks that serve the live page."""
    from pytest_graysplit.plugin.report.dashboard import DashboardHooks

    config.pluginmanager.register(DashboardHooks(config, context_of), "graysplit-live-page")


def register_controller(config: pytest.Config) -> None:
    """Register before xdist starts workers: the hooks that give them their input and add up their totals."""
    from pytest_graysplit.plugin.xdist import Controller

    config.pluginmanager.register(Controller(config, context_of), CONTROLLER)


def register(config: pytest.Config) -> RunContext:
    """Build the context of the run and register on first use all hooks that an unused plugin does not need.

    The xdist controller runs no tests, and a worker does not report. A run that fetches ahead of its tests adds
    `PrefetchWindow` (`run/prefetch.py`) when its items are known.
    """
    from pytest_graysplit.plugin.app.hooks import AppHooks
    from pytest_graysplit.plugin.context import CONTEXT, RunContext
    from pytest_graysplit.plugin.options import findings_path
    from pytest_graysplit.plugin.report.reporter_hooks import SummaryReporter
    from pytest_graysplit.plugin.run.early_stop import EarlyStopMonitor, EarlyStopSkipper
    from pytest_graysplit.plugin.run.outcomes import OUTCOMES, Outcomes
    from pytest_graysplit.plugin.run.prefetch import Prefetcher
    from pytest_graysplit.plugin.run.runner_hooks import RunnerHooks
    from pytest_graysplit.plugin.suite_check.checker import SuiteChecker
    from pytest_graysplit.plugin.workers import WorkerReports

    config.stash[CONTEXT] = context = RunContext(config)
    settings, totals, worker = context.settings, context.totals, context.worker
    stops_early = settings.early_stop is not None
    runs_tests = not config.pluginmanager.has_plugin(CONTROLLER)
    add = config.pluginmanager.register
    if runs_tests:
        # Plans late items, prepares each test, and stops sending at the end.
        add(runner := RunnerHooks(context), RUNNER)
        # Fetches the replies before the tests, or a little ahead of each test.
        add(Prefetcher(context), "graysplit-prefetcher")
        # Judges each test after its body, and attaches the results to its report.
        add(Outcomes(context.evaluator, totals, gate=settings.gate, complete_setup=runner.complete_setup), OUTCOMES)
    if runs_tests and not findings_path(config):
        # Opens the gateway for each test of an application.
        add(AppHooks(context), "graysplit-app-hooks")
    if runs_tests and stops_early:
        # Puts the cases in the seeded order, and skips those of decided treatments.
        add(EarlyStopSkipper(settings, totals, worker.stops_path), "graysplit-early-stop-skipper")
    if worker.is_worker:
        # Packs results into the reports for the controller.
        add(WorkerReports(), "graysplit-worker-reports")
        return context
    if path := findings_path(config):
        # Runs each test with changed answers of the control, and writes which of them failed it.
        add(SuiteChecker(context, Path(path)), "graysplit-suite-checker")
        return context
    monitor = EarlyStopMonitor(settings, totals) if stops_early else None
    # Adds up results, judges the run, writes the recordings and reports, prints the summary.
    add(SummaryReporter(context, None if monitor is None else monitor.settle), REPORTER)
    if monitor is not None:
        # Evaluates the results in order until they decide a treatment.
        add(monitor, MONITOR)
    return context


def context_of(config: pytest.Config) -> RunContext:
    """Return the context of the run; the first call activates the plugin."""
    from pytest_graysplit.plugin.context import CONTEXT

    context = config.stash.get(CONTEXT, None)
    return register(config) if context is None else context


def runner_of(config: pytest.Config) -> RunnerHooks:
    """Return the hooks of this process that plan its items."""
    context_of(config)
    return cast("RunnerHooks", config.pluginmanager.get_plugin(RUNNER))
