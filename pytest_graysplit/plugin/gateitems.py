"""What a gate decides, as a test item: seen in the terminal, in the totals, in JUnit and in the exit code."""

from __future__ import annotations

import pytest


def emit(session: pytest.Session, name: str, failure: str | None) -> None:
    """Report an item `graysplit::name` that failed with the text, or passed where there is none.

    Called from around the test loop, in the one process that the user sees. Setting an exit status alone would leave
    the totals green.
    """
    nodeid = f"graysplit::{name}"
    location = ("graysplit", None, name)
    hook = session.config.hook
    session.testscollected += 1
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.verbosity < 0:
        reporter.write("\n")  # the dots of the tests have ended with their 100%
    hook.pytest_runtest_logstart(nodeid=nodeid, location=location)
    for when in ("setup", "call", "teardown"):
        failed = when == "call" and failure is not None
        report = pytest.TestReport(
            nodeid=nodeid,
            location=location,
            keywords={},
            outcome="failed" if failed else "passed",
            longrepr=failure if failed else None,
            when=when,
        )
        # Session.pytest_runtest_logreport counts the failure, and every reporter sees it as it sees a test.
        hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(nodeid=nodeid, location=location)
