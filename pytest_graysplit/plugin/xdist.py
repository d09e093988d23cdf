"""The controller's side of pytest-xdist; it wakes the rest up when a worker has something of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator


class Controller:
    """Lives in the xdist controller, which collects nothing and runs nothing itself."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._fresh: list[tuple[str | int, ...]] | None = None

    def pytest_configure_node(self, node: Any) -> None:
        """Take in what a killed run left before the first worker looks, and tell each worker what was fresh in it."""
        if not (self._config.rootpath / ".graysplit" / "journal").is_dir():
            return
        if self._fresh is None:
            from pytest_graysplit.plugin.runtime import state_of

            state = state_of(self._config)
            state.take_in_leftovers()
            self._fresh = [(str(path), *key) for path, key in sorted(state.fresh)]
        node.workerinput["graysplit_fresh"] = self._fresh

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Let the gate speak when all workers have ended: who gathers was woken by their reports, inside the loop."""
        outcome = yield
        if (gather := self._config.pluginmanager.get_plugin("graysplit-gather")) is not None:
            gather.gate(session)
        return outcome

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        """Take in the results that a worker's report carries.

        Here and not where the report arrives: that is a thread for each worker, and two would wake us at once.
        """
        if isinstance(packed := getattr(report, "graysplit", None), bytes):
            from pytest_graysplit.plugin.courier import unpacked
            from pytest_graysplit.plugin.runtime import state_of

            state_of(self._config).results.add(report.nodeid, unpacked(packed))
            del report.graysplit  # the terminal keeps every report to the end

    def pytest_testnodedown(self, node: Any) -> None:
        """Absorb what a worker knows beside its reports; a crashed one has sent nothing."""
        if payload := getattr(node, "workeroutput", {}).get("graysplit"):
            from pytest_graysplit.plugin.runtime import state_of

            state_of(self._config).tally.absorb(payload)
