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

MARKER_HELP = (
    "graysplit(prompt=..., messages=..., cases=..., system=..., min_similarity=..., metric=..., max_latency_s=..., "
    "max_latency_ratio=..., max_cost_usd=..., expect=..., params=..., samples=..., must_pass=..., tags=..., "
    "cluster=...): run the prompt against the control and the treatment model and compare them"
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
        from pytest_graysplit.plugin.livepage import LivePage

        config.pluginmanager.register(LivePage(config), "graysplit-live-page")


@pytest.hookimpl(trylast=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a marked function one item a case and, where needed, one an arm."""
    if metafunc.definition.get_closest_marker("graysplit") is not None:
        from pytest_graysplit.plugin.collection import parametrize_marked

        parametrize_marked(metafunc)


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem() -> Generator[None, Any, Any]:
    """Plan the items of a marked function as soon as they exist."""
    made = yield
    if isinstance(made, list) and made and made[0].get_closest_marker("graysplit") is not None:
        from pytest_graysplit.plugin.collection import adopt

        adopt(made)
    return made


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect `*.graysplit.jsonl|yaml|csv` as test items."""
    if ".graysplit." not in file_path.name:
        return None
    from pytest_graysplit.plugin.collection import case_file

    return case_file(file_path, parent)


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, Any, Any]:
    """Judge the run as a whole after its last test; here, because a test's fixture may be the first that wakes us."""
    result = yield
    if gather := session.config.pluginmanager.get_plugin("graysplit-gather"):
        gather.close(session)
    return result


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Listen in the xdist controller, which never collects a marked item itself."""
    from pytest_graysplit.plugin.courier import CONTROLLER
    from pytest_graysplit.plugin.xdist import Controller

    config.pluginmanager.register(Controller(config), CONTROLLER)
