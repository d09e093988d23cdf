"""Hooks of the pytest plugin that are always registered; heavy modules are imported when a test needs them."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest


def _leave_asserts_alone() -> None:
    # pytest compiles every module of an installed plugin again to rewrite its asserts. We have none there, and the
    # import would take twice as long. The set is private; without it the modules are only rewritten.
    for finder in sys.meta_path:
        getattr(finder, "_must_rewrite", set()).discard(__name__.partition(".")[0])


_leave_asserts_alone()

from pytest_graysplit.plugin import options, registration  # noqa: E402
from pytest_graysplit.plugin.fixtures import (  # noqa: E402
    graysplit,
    graysplit_app,
    graysplit_relay,
    graysplit_reply,
    graysplit_splitter,
)
from pytest_graysplit.plugin.hookspecs import REPORTER, RUNNER  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

__all__ = ["graysplit", "graysplit_app", "graysplit_relay", "graysplit_reply", "graysplit_splitter"]

MARKER = "graysplit"
FIXTURES = frozenset(("graysplit", "graysplit_reply", "graysplit_app"))
SENDING = FIXTURES | {"graysplit_relay"}
MARKER_HELP = (
    "graysplit(prompt=..., messages=..., turns=..., cases=..., system=..., min_similarity=..., metric=..., "
    "json_fields=..., max_latency_s=..., max_ttft_s=..., max_latency_ratio=..., max_cost_usd=..., expect=..., "
    "rubric=..., params=..., samples=..., must_pass=..., tags=..., cluster=..., asserts=..., swap=...): run the "
    "prompt, or your application, against the control and the treatment model and compare them"
)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare our own hooks."""
    from pytest_graysplit.plugin import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, each to the command line and to the ini file."""
    options.register(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, check the given options, and prepare the report and the live page in the main process."""
    config.addinivalue_line("markers", MARKER_HELP)
    if options.mentioned(config):
        options.check(config)
    if hasattr(config, "workerinput"):
        return
    if options.is_given(config, "json"):
        options.require_writable_report(config)
    if options.is_given(config, "dashboard"):
        registration.register_dashboard(config)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Name the relay and the variable of its key if a treatment is given."""
    return options.header(config)


@pytest.hookimpl(trylast=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Split a function that is marked, or may be later, into one item per case and, if needed, per arm."""
    if _may_be_ours(metafunc):
        from pytest_graysplit.plugin.collection import parametrize_marked

        parametrize_marked(metafunc)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pycollect_makeitem() -> Generator[None, Any, Any]:
    """Plan the marked items of a function as soon as every other plugin has made them."""
    made = yield
    if made and (items := [one for one in _listed(made) if isinstance(one, pytest.Item) and MARKER in one.keywords]):
        from pytest_graysplit.plugin.collection import adopt

        adopt(items)
    return made


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None, None, None]:
    """Plan items that were added or marked since, before other plugins select by tags and again after them."""
    _plan_collected(config, items, last=False)
    yield
    _plan_collected(config, items, last=True)


def _plan_collected(config: pytest.Config, items: list[pytest.Item], *, last: bool) -> None:
    if config.pluginmanager.has_plugin(RUNNER) or any(MARKER in item.keywords for item in items):
        from pytest_graysplit.plugin.collection import plan_collected

        plan_collected(config, items, last=last)


def _listed(made: Any) -> list[Any]:
    return made if isinstance(made, list) else [made]


def _asks(item: pytest.Item) -> bool:
    return not SENDING.isdisjoint(getattr(item, "fixturenames", ()))


def _may_be_ours(metafunc: pytest.Metafunc) -> bool:
    """Tell whether a function is marked, or may be by a parameter or a hook, without importing anything."""
    if MARKER in metafunc.definition.keywords or not FIXTURES.isdisjoint(metafunc.fixturenames):
        return True
    return any(mark.name == MARKER for call in getattr(metafunc, "_calls", ()) for mark in call.marks)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect `*.graysplit.jsonl|yaml|csv` as test items."""
    if ".graysplit." not in file_path.name:
        return None
    from pytest_graysplit.plugin.collection import case_file

    return case_file(file_path, parent)


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, Any, Any]:
    """Open files and the relay client before the first test, and judge the whole run after the last test."""
    users = [item for item in session.items if MARKER in item.keywords or _asks(item)]
    if users and not session.config.option.collectonly:
        _open_before_tests(session, users)
    result = yield
    if reporter := session.config.pluginmanager.get_plugin(REPORTER):
        reporter.close(session)
    return result


def _open_before_tests(session: pytest.Session, users: list[pytest.Item]) -> None:
    from pytest_graysplit.errors import GraysplitError
    from pytest_graysplit.plugin.run.prefetch import open_before_tests

    with suppress(GraysplitError):  # the test that needs the reply fails with it
        open_before_tests(registration.context_of(session.config), users)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Register the hooks of the xdist controller, which collects no marked item itself."""
    registration.register_controller(config)
