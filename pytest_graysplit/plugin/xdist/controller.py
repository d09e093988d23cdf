"""The controller's side of pytest-xdist; it wakes the rest up when a worker has something of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_graysplit.errors import GraysplitError
from pytest_graysplit.plugin.options import is_given

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_graysplit.plugin.xdist.worker_budgets import Allotment


class Controller:
    """Lives in the xdist controller, which collects nothing and runs nothing itself."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._fresh: list[tuple[str | int, ...]] | None = None
        self._allotment: Allotment | None = None

    def pytest_configure_node(self, node: Any) -> None:
        """Tell each worker what it must know before it looks at anything."""
        self._hand_out_budget(node)
        self._hand_out_stops(node)
        self._hand_out_leftovers(node)

    def _hand_out_budget(self, node: Any) -> None:
        """Give the worker its part of the cap; where none is set, nothing is read for it."""
        if not is_given(self._config, "max-cost"):
            return
        from pytest_graysplit.plugin.xdist.budget import WORKER_INPUT

        try:
            if allotment := self._allotment or self._allot(str(node.workerinput["testrunuid"])):
                node.workerinput[WORKER_INPUT] = allotment.part(
                    near=_is_near(node.gateway.spec),
                    near_workers=sum(map(_is_near, node.nodemanager.specs)),
                    workers=int(node.workerinput["workercount"]),
                )
        except GraysplitError as error:
            raise pytest.UsageError(str(error)) from None

    def _allot(self, run_id: str) -> Allotment | None:
        from pytest_graysplit.plugin.runtime import state_of
        from pytest_graysplit.plugin.xdist.worker_budgets import Allotment

        settings = state_of(self._config).settings
        if settings.max_cost_usd is not None and settings.record != "none":
            self._allotment = Allotment(self._config.rootpath, run_id, settings.max_cost_usd)
        return self._allotment

    def _hand_out_stops(self, node: Any) -> None:
        """Tell a worker of this machine where it will be said which treatments an early stop has decided."""
        if not is_given(self._config, "early-stop") or not _is_near(node.gateway.spec):
            return
        from pytest_graysplit.plugin.run.early_stop import WORKER_INPUT
        from pytest_graysplit.plugin.runtime import state_of
        from pytest_graysplit.replies.recordings.state_dir import private_folder

        state_of(self._config)
        decided: Any = self._config.pluginmanager.get_plugin("graysplit-decided")
        if decided.board is None:
            decided.board = private_folder(self._config.rootpath, "stops") / f"{node.workerinput['testrunuid']}.json"
        node.workerinput[WORKER_INPUT] = str(decided.board)

    def _hand_out_leftovers(self, node: Any) -> None:
        """Take in what a killed run left before the first worker looks, and tell each worker what was fresh in it."""
        if not (self._config.rootpath / ".graysplit" / "journal").is_dir():
            return
        if self._fresh is None:
            from pytest_graysplit.plugin.runtime import state_of

            state = state_of(self._config)
            state.take_in_leftovers()
            self._fresh = [(str(path), *key) for path, key in sorted(state.fresh)]
        node.workerinput["graysplit_fresh"] = self._fresh

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Close the account when every worker has ended, and before the run is judged as a whole."""
        result = yield
        self._close_account()
        return result

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self) -> Generator[None, object, object]:
        """Close the account also of a run that was interrupted, whose workers end only now."""
        result = yield
        self._close_account()
        return result

    def _close_account(self) -> None:
        if self._allotment is not None and (spent := self._allotment.close()):
            from pytest_graysplit.plugin.runtime import state_of

            state_of(self._config).tally.spent_here = spent

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        """Take in the results that a worker's report carries.

        Here and not where the report arrives: that is a thread for each worker, and two would wake us at once.
        """
        if isinstance(packed := getattr(report, "graysplit", None), bytes):
            from pytest_graysplit.plugin.runtime import state_of
            from pytest_graysplit.plugin.xdist.worker_reports import unpacked

            state_of(self._config).results.add(report.nodeid, unpacked(packed))
            del report.graysplit  # the terminal keeps every report to the end

    def pytest_testnodedown(self, node: Any) -> None:
        """Absorb what a worker knows beside its reports; a crashed one has sent nothing."""
        if self._allotment is not None:
            self._allotment.bury(str(node.workerinput["workerid"]))
        if payload := getattr(node, "workeroutput", {}).get("graysplit"):
            from pytest_graysplit.plugin.runtime import state_of

            state_of(self._config).tally.absorb(payload)


def _is_near(spec: Any) -> bool:
    """Tell whether the worker of this execnet spec runs on this machine, where it sees the same files."""
    return bool(spec.popen and not spec.via)
