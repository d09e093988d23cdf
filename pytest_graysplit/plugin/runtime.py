"""Activates the plugin on first use, and answers the fixtures."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

import pytest

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.plugin.collect.adopting import AWAITED, marked_late
from pytest_graysplit.plugin.collect.marks import is_marked, where_of
from pytest_graysplit.plugin.collect.plans import PLAN
from pytest_graysplit.plugin.context import NO_TREATMENT, STATE, State
from pytest_graysplit.plugin.options import pytest_option, settings_of
from pytest_graysplit.plugin.relay_fixture import RelayFixture
from pytest_graysplit.plugin.report.reporter_hooks import Gather
from pytest_graysplit.plugin.run.early_stop import Decided, Spared
from pytest_graysplit.plugin.run.outcomes import Outcomes
from pytest_graysplit.plugin.run.runner_hooks import OUTCOMES, Items
from pytest_graysplit.plugin.splitter_fixture import splitter_of
from pytest_graysplit.plugin.xdist.worker_reports import CONTROLLER, Courier

if TYPE_CHECKING:
    from pytest_graysplit.plugin.collect.plans import Plan
    from pytest_graysplit.plugin.run.case_run import Exchange
    from pytest_graysplit.traffic.splitter import TrafficSplitter

ITEMS = "graysplit-items"


def state_of(config: pytest.Config) -> State:
    """Return the run's state; the first call builds it and registers the hooks that only a used plugin needs."""
    if STATE not in config.stash:
        config.stash[STATE] = state = State(config)
        manager = config.pluginmanager
        if not manager.has_plugin(CONTROLLER):
            items = Items(state)
            manager.register(items, ITEMS)
            manager.register(Outcomes(state, items.complete_setup), OUTCOMES)
        stops_early = state.settings.early_stop is not None
        if stops_early and not manager.has_plugin(CONTROLLER):
            manager.register(Spared(state), "graysplit-spared")
        if state.is_worker:
            manager.register(Courier(), "graysplit-courier")
        else:
            decided = Decided(state) if stops_early else None
            manager.register(Gather(state, decided), "graysplit-gather")
            if decided is not None:
                manager.register(decided, "graysplit-decided")
    return config.stash[STATE]


def items_of(config: pytest.Config) -> Items:
    """Return what plans the items of this process."""
    state_of(config)
    return cast("Items", config.pluginmanager.get_plugin(ITEMS))


def exchange_of(request: pytest.FixtureRequest, fixture: str) -> Exchange:
    """Return the exchange of a marked item, for a fixture."""
    item = request.node
    plan = item.stash.get(PLAN, None)
    if plan is None and is_marked(item):
        plan = _plan_awaited(request)
    if plan is None:
        pytest.fail(
            f"the fixture {fixture} needs a marked test\n"
            f'  hint: put @pytest.mark.graysplit(prompt="...") on {getattr(item, "originalname", item.name)}, '
            f"or ask for graysplit_relay to call prompts from the body  [{Slug.FIXTURE_UNMARKED}]",
            pytrace=False,
        )
    if pytest_option(item.config, "setuponly"):
        pytest.skip("--setup-only asks no model")
    return state_of(item.config).exchange(item, plan)


def _plan_awaited(request: pytest.FixtureRequest) -> Plan | None:
    """Return the plan of an item whose prompt a fixture makes; skip or fail the test where there cannot be one."""
    item, items = request.node, items_of(request.config)
    if not state_of(request.config).settings.treatments:
        pytest.skip(NO_TREATMENT)
    if AWAITED not in item.stash or not items.adopter.is_adopted(item):
        pytest.fail(str(marked_late(item)), pytrace=False)
    return items.plan_awaited(item, request.getfixturevalue(item.stash[AWAITED][0]))


def relay_fixture_of(item: pytest.Item) -> RelayFixture:
    """Return the relay fixture bound to the item; skip the test when there is no treatment to call."""
    state = state_of(item.config)
    plan = item.stash.get(PLAN, None)
    if not state.settings.treatments:
        pytest.skip(NO_TREATMENT)
    hold = partial(state.hold, item, plan.treatment if plan else state.settings.treatments[0])
    return RelayFixture(
        hold,
        where=where_of(item.path, None, item.config.rootpath),
        case_id=plan.case.id if plan else item.nodeid.partition("::")[2],
    )


def splitter_or_reason(config: pytest.Config) -> TrafficSplitter:
    """Return the splitter of the run's settings; nothing is asked for it, so the rest of the plugin sleeps on."""
    try:
        splitter = splitter_of(settings_of(config))
    except UsageError as error:
        pytest.fail(str(error), pytrace=False)
    return splitter or pytest.skip(NO_TREATMENT)
