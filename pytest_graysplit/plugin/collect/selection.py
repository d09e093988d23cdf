"""Selection of the items that will run, and the treatments that an early stop has decided."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from pytest_graysplit.plugin.collect.plans import PLAN
from pytest_graysplit.plugin.options import pytest_option
from pytest_graysplit.verdict.results import CONTROL

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from pytest_graysplit.plugin.collect.plans import Plan


def will_run(item: pytest.Item) -> bool:
    """Tell whether no mark keeps the item from running: no reply is paid for a test that is skipped."""
    from _pytest.skipping import evaluate_skip_marks, evaluate_xfail_marks

    if not item.config.pluginmanager.has_plugin("skipping"):  # blocked: no mark keeps a test from running
        return True
    if not (item.get_closest_marker("skip") or item.get_closest_marker("skipif") or item.get_closest_marker("xfail")):
        return True
    try:
        if evaluate_skip_marks(item) is not None:
            return False
        xfail = evaluate_xfail_marks(item)
    except pytest.fail.Exception:  # a condition that cannot be evaluated: the test itself fails with it
        return False
    return xfail is None or xfail.run or pytest_option(item.config, "runxfail", default=False)


def nothing_runs(session: pytest.Session) -> bool:
    """Tell whether this session only lists its tests, or ends before the first because of collection errors."""
    given = partial(pytest_option, session.config)
    failed = session.testsfailed and not given("continue_on_collection_errors")
    return bool(failed or given("collectonly") or given("setupplan") or given("setuponly"))


def may_end_early(config: pytest.Config) -> bool:
    """Tell whether this process may stop before its last test, or is one worker of several."""
    given = partial(pytest_option, config)
    may_stop = given("maxfail") or given("usepdb") or given("stepwise")
    return bool(may_stop or hasattr(config, "workerinput"))


def items_to_run(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """Return the planned items that will run."""
    return [item for item in items if PLAN in item.stash and will_run(item)]


def plans_of(items: Iterable[pytest.Item]) -> list[Plan]:
    """Return the plans of the items that have one."""
    return [item.stash[PLAN] for item in items if PLAN in item.stash]


def is_decided(plan: Plan, treatments: Sequence[str], stops: Collection[str]) -> bool:
    """Tell whether an early stop has decided every treatment that needs the plan's replies."""
    served = treatments if plan.only_arm == CONTROL else (plan.treatment,)
    return all(treatment in stops for treatment in served)
