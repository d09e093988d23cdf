"""The pytest door: hooks that receive, hand over and return; nothing heavy is imported before a test needs it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest


def _leave_asserts_alone() -> None:
    # pytest compiles every module of an installed plugin anew for its assert rewriting, which is for plugins that
    # assert; ours do not, and their import takes twice as long for it. The set is private: without it, nothing breaks.
    for finder in sys.meta_path:
        getattr(finder, "_must_rewrite", set()).discard(__name__.partition(".")[0])


_leave_asserts_alone()

from pytest_graysplit.plugin import options  # noqa: E402
from pytest_graysplit.plugin.fixtures import graysplit, graysplit_relay, graysplit_reply, graysplit_splitter  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

__all__ = ["graysplit", "graysplit_relay", "graysplit_reply", "graysplit_splitter"]

MARKER = "graysplit"
FIXTURES = frozenset(("graysplit", "graysplit_reply"))
ASKING = FIXTURES | {"graysplit_relay"}
MARKER_HELP = (
    "graysplit(prompt=..., messages=..., cases=..., system=..., min_similarity=..., metric=..., max_latency_s=..., "
    "max_latency_ratio=..., max_cost_usd=..., expect=..., params=..., samples=..., must_pass=..., tags=..., "
    "cluster=..., asserts=...): run the prompt against the control and the treatment model and compare them"
)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare our own hooks."""
    from pytest_graysplit.plugin import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and their ini twins."""
    options.register(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker; check options that are given, and in the reporting process where it writes and serves."""
    config.addinivalue_line("markers", MARKER_HELP)
    if options.mentioned(config):
        options.check(config)
    if hasattr(config, "workerinput"):
        return
    if options.is_given(config, "json"):
        options.require_writable_report(config)
    if options.is_given(config, "dashboard"):
        from pytest_graysplit.plugin.report.dashboard import LivePage

        config.pluginmanager.register(LivePage(config), "graysplit-live-page")


def pytest_report_header(config: pytest.Config) -> str | None:
    """Name the relay and the variable of its key, where a treatment is given."""
    return options.header(config)


@pytest.hookimpl(trylast=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a function that is marked, or may be later, one item per case and, where needed, one per arm."""
    if _may_be_ours(metafunc):
        from pytest_graysplit.plugin.collect.collection import parametrize_marked

        parametrize_marked(metafunc)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pycollect_makeitem() -> Generator[None, Any, Any]:
    """Plan the marked items of a function as soon as they exist, as every other plugin has made them."""
    made = yield
    if made and (items := [one for one in _listed(made) if isinstance(one, pytest.Item) and MARKER in one.keywords]):
        from pytest_graysplit.plugin.collect.collection import adopt

        adopt(items)
    return made


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None, None, None]:
    """Plan what was made or marked since, before others select by tags and again when they are done."""
    _plan_collected(config, items, last=False)
    yield
    _plan_collected(config, items, last=True)


def _plan_collected(config: pytest.Config, items: list[pytest.Item], *, last: bool) -> None:
    if config.pluginmanager.has_plugin("graysplit-items") or any(MARKER in item.keywords for item in items):
        from pytest_graysplit.plugin.collect.collection import plan_collected

        plan_collected(config, items, last=last)


def _listed(made: Any) -> list[Any]:
    return made if isinstance(made, list) else [made]


def _asks(item: pytest.Item) -> bool:
    return not ASKING.isdisjoint(getattr(item, "fixturenames", ()))


def _may_be_ours(metafunc: pytest.Metafunc) -> bool:
    """Tell whether a function is marked, or may be by a parameter or a hook; a look that imports nothing."""
    if MARKER in metafunc.definition.keywords or not FIXTURES.isdisjoint(metafunc.fixturenames):
        return True
    return any(mark.name == MARKER for call in getattr(metafunc, "_calls", ()) for mark in call.marks)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect `*.graysplit.jsonl|yaml|csv` as test items."""
    if ".graysplit." not in file_path.name:
        return None
    from pytest_graysplit.plugin.collect.collection import case_file

    return case_file(file_path, parent)


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, Any, Any]:
    """Get ready before the first test, and judge the run as a whole after its last, whoever has woken us."""
    users = [item for item in session.items if MARKER in item.keywords or _asks(item)]
    if users and not session.config.option.collectonly:
        from pytest_graysplit.plugin.run.binding import bind

        bind(session, users)
    result = yield
    if gather := session.config.pluginmanager.get_plugin("graysplit-gather"):
        gather.close(session)
    return result


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Listen in the xdist controller, which never collects a marked item itself."""
    from pytest_graysplit.plugin.xdist.controller import Controller
    from pytest_graysplit.plugin.xdist.worker_reports import CONTROLLER

    config.pluginmanager.register(Controller(config), CONTROLLER)
