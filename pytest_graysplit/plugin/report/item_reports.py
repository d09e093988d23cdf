"""Reports of tests: those of items without a file, and failure texts in which replies are escaped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from pytest_graysplit.formatting.escaping import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

# Plugins that would keep a failed item for the next run, which cannot find it in a file.
RERUNNING = ("lfplugin", "stepwiseplugin")
# pytest colours the differences of an assert; the code 8 hides text, and pytest never writes it.
_COLOUR = re.compile(r"(\x1b\[(?:\d\d?;)*(?!8m)\d\d?m)")


def emit(session: pytest.Session, name: str, failure: str | None) -> None:
    """Report the item `graysplit::NAME`, passed, or failed with the text.

    It is called after the last test, in the process that reports. The terminal, JUnit XML and the exit code then show
    it like any test; an exit code alone would follow a green "4 passed".
    """
    nodeid, location = f"graysplit::{name}", ("graysplit", None, name)
    manager = session.config.pluginmanager
    excluded = [plugin for plugin in map(manager.get_plugin, RERUNNING) if plugin is not None]
    logreport = manager.subset_hook_caller("pytest_runtest_logreport", excluded)
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


def escape_failure(report: Any, *, coloured: bool) -> None:
    """Escape the control characters in the failure text of a report, which a terminal or a CI runner would obey.

    Colours stay if pytest writes in colour.
    """
    line = _visible_with_colours if coloured else visible
    for entry in _entries(report.longrepr):
        entry.lines[:] = [line(one) for one in entry.lines]
    for crash in _crashes(report.longrepr):
        crash.message = line(crash.message)
    if isinstance(report.longrepr, str):
        report.longrepr = line(report.longrepr)
    elif isinstance(report.longrepr, tuple):  # a skip: file, line, reason
        report.longrepr = (*report.longrepr[:2], line(str(report.longrepr[2])))


def _visible_with_colours(text: str) -> str:
    return "".join(part if number % 2 else visible(part) for number, part in enumerate(_COLOUR.split(text)))


def _entries(longrepr: Any) -> Iterator[Any]:
    for traceback, *_ in _chain(longrepr):
        yield from (entry for entry in traceback.reprentries if hasattr(entry, "lines"))


def _crashes(longrepr: Any) -> Iterator[Any]:
    crashes = [crash for _, crash, *_ in _chain(longrepr)] + [getattr(longrepr, "reprcrash", None)]
    yield from {id(crash): crash for crash in crashes if crash is not None}.values()


def _chain(longrepr: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the parts of a failure, the cause before the exception; empty if the failure is only a text."""
    if hasattr(longrepr, "chain"):
        yield from longrepr.chain
    elif hasattr(longrepr, "reprtraceback"):
        yield longrepr.reprtraceback, longrepr.reprcrash
