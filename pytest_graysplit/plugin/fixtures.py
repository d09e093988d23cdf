"""Fixtures of the plugin; each imports its implementation only when a test needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_graysplit.plugin.fixture_values import RelayFixture
    from pytest_graysplit.traffic.splitter import TrafficSplitter
    from pytest_graysplit.types import Comparison, Reply


@pytest.fixture
def graysplit(request: pytest.FixtureRequest) -> Comparison:
    """The comparison of the treatment's reply with the control's; the replies of both are there before the test."""
    from pytest_graysplit.plugin.fixture_values import case_run_of

    return case_run_of(request, "graysplit").comparison_or_reason()


@pytest.fixture
def graysplit_reply(request: pytest.FixtureRequest) -> Reply:
    """One arm's reply; the test runs once per arm, so that plain asserts give each model its own pass rate."""
    from pytest_graysplit.plugin.fixture_values import case_run_of

    return case_run_of(request, "graysplit_reply").reply_or_reason()


@pytest.fixture
def graysplit_relay(request: pytest.FixtureRequest) -> RelayFixture:
    """Call any prompt from a test body: `graysplit_relay.compare("...")` asks both arms at once."""
    from pytest_graysplit.plugin.fixture_values import relay_of

    return relay_of(request.node)


@pytest.fixture
def graysplit_splitter(request: pytest.FixtureRequest) -> TrafficSplitter:
    """The traffic splitter built from the configured arms: that of `[tool.graysplit.splits]`, or equal shares."""
    from pytest_graysplit.plugin.fixture_values import splitter_or_reason

    return splitter_or_reason(request.config)
