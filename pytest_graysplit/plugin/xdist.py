"""Hooks of the xdist controller: they give each worker its input, and add up the totals of all workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_graysplit.errors import GraysplitError
from pytest_graysplit.plugin.hookspecs import MONITOR, REPORTER
from pytest_graysplit.plugin.options import is_given
from pytest_graysplit.plugin.workers import BUDGET_INPUT, FRESH_INPUT, STOPS_INPUT

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pytest_graysplit.plugin.context import RunContext
    from pytest_graysplit.plugin.fetch.budget import WorkerBudgets


class Controller:
    """The hooks of the xdist controller, which collects and runs no tests.

    The context of the run is built only if an option needs it or a worker sends results.
    """

    def __init__(self, config: pytest.Config, context_of: Callable[[pytest.Config], RunContext]) -> None:
        self._config = config
        self._context_of = context_of
        self._fresh: list[tuple[str | int, ...]] | None = None
        self._budgets: WorkerBudgets | None = None

    def pytest_configure_node(self, node: Any) -> None:
        """Give a worker its input before it starts."""
        self._hand_out_budget(node)
        self._hand_out_stops(node)
        self._hand_out_recovered(node)

    def _hand_out_budget(self, node: Any) -> None:
        """Give the worker its part of the cap; without the option no settings are read."""
        if not is_given(self._config, "max-cost"):
            return
        try:
            if budgets := self._budgets or self._budgets_of(str(node.workerinput["testrunuid"])):
                node.workerinput[BUDGET_INPUT] = budgets.part(
                    near=_is_near(node.gateway.spec),
                    near_workers=sum(map(_is_near, node.nodemanager.specs)),
                    workers=int(node.workerinput["workercount"]),
                )
        except GraysplitError as error:
            raise pytest.UsageError(str(error)) from None

    def _budgets_of(self, run_id: str) -> WorkerBudgets | None:
        from pytest_graysplit.plugin.fetch.budget import WorkerBudgets

        settings = self._context_of(self._config).settings
        if settings.max_cost_usd is not None and settings.record != "none":
            self._budgets = WorkerBudgets(self._config.rootpath, run_id, settings.max_cost_usd)
        return self._budgets

    def _hand_out_stops(self, node: Any) -> None:
        """Give a worker on this machine the path of the file that names the treatments an early stop has decided."""
        if not is_given(self._config, "early-stop") or not _is_near(node.gateway.spec):
            return
        from pytest_graysplit.replies.recordings.state_dir import private_folder

        self._context_of(self._config)
        monitor: Any = self._config.pluginmanager.get_plugin(MONITOR)
        if monitor.stops_path is None:
            folder = private_folder(self._config.rootpath, "stops")
            monitor.stops_path = folder / f"{node.workerinput['testrunuid']}.json"
        node.workerinput[STOPS_INPUT] = str(monitor.stops_path)

    def _hand_out_recovered(self, node: Any) -> None:
        """Recover the journals of interrupted runs before the first worker, and give each worker the fresh replies."""
        if not (self._config.rootpath / ".graysplit" / "journal").is_dir():
            return
        if self._fresh is None:
            journals = self._context_of(self._config).fetching.journals
            journals.recover()
            self._fresh = [(str(path), *key) for path, key in sorted(journals.fresh)]
        node.workerinput[FRESH_INPUT] = self._fresh

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Add the spending of the workers after they have ended, and before the run is judged."""
        result = yield
        self._add_usage()
        return result

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self) -> Generator[None, object, object]:
        """Add the spending in an interrupted run as well, whose workers end only now."""
        result = yield
        self._add_usage()
        return result

    def _add_usage(self) -> None:
        if self._budgets is not None and (usage := self._budgets.close()):
            self._context_of(self._config).totals.spent_here = usage

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        """Add the results of a worker's report; the first of them build the context of the run.

        This hook runs in the main thread. Reports arrive in one thread per worker, two of which could build a context.
        """
        if isinstance(getattr(report, "graysplit", None), bytes):
            self._context_of(self._config)
            reporter: Any = self._config.pluginmanager.get_plugin(REPORTER)
            reporter.add_results(report)

    def pytest_testnodedown(self, node: Any) -> None:
        """Add the totals of a worker that has ended; a crashed one has sent none."""
        if self._budgets is not None:
            self._budgets.release_dead_worker(str(node.workerinput["workerid"]))
        if payload := getattr(node, "workeroutput", {}).get("graysplit"):
            self._context_of(self._config).totals.add_worker(payload)


def _is_near(spec: Any) -> bool:
    """Tell whether the worker of this execnet spec runs on this machine and shares its files."""
    return bool(spec.popen and not spec.via)
