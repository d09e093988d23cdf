"""Items that nobody collected: what a whole run failed or passed, shown where its tests are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_graysplit.formatting.escaping import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

# They would remember a failed item for the next run, which has no file to look for it in.
FORGETFUL = ("lfplugin", "stepwiseplugin")


def emit(session: pytest.Session, name: str, failure: str | None) -> None:
    """Report the item `graysplit::NAME`, passed, or failed with the text.

    Called after the last test, in the process that reports. Terminal, JUnit XML and exit code then tell it as they tell
    of any test; an exit code alone would stand below "4 passed" in green.
    """
    nodeid, location = f"graysplit::{name}", ("graysplit", None, name)
    manager = session.config.pluginmanager
    deaf = [plugin for plugin in map(manager.get_plugin, FORGETFUL) if plugin is not None]
    logreport = manager.subset_hook_caller("pytest_runtest_logreport", deaf)
    if reporter := manager.get_plugin("terminalreporter"):
        reporter.ensure_newline()
    session.testscollected += 1
    session.ihook.pytest_runtest_logstart(nodeid=nodeid, location=location)
    for report in _reports(nodeid, location, failure):
        logreport(report=report)
    session.ihook.pytest_runtest_logfinish(nodeid=nodeid, location=location)


def _reports(nodeid: str, location: tuple[str, int | None, str], failure: str | None) -> Iterator[pytest.TestReport]:
    for when in ("setup", "call", "teardown"):
        failed = visible(failure) if failure and when == "call" else None
        yield pytest.TestReport(
            nodeid=nodeid,
            location=location,
            keywords={},
            outcome="failed" if failed else "passed",
            longrepr=failed,
            when=when,
        )
