"""May this cheaper model replace the one we run today? Answered with evidence, as a pytest plugin."""

from importlib import import_module
from typing import TYPE_CHECKING

from pytest_graysplit.moved import keep_old_paths

if TYPE_CHECKING:
    from pytest_graysplit.config.policy import Policy
    from pytest_graysplit.config.pyproject.rollback import Rollback
    from pytest_graysplit.errors import GraysplitError, ToolCallError
    from pytest_graysplit.plugin.app.app import App
    from pytest_graysplit.reporting.dashboard.traffic_source import dashboard_app
    from pytest_graysplit.traffic.client.client import SplitClient
    from pytest_graysplit.traffic.client.reply import RequestFailedError, SplitReply
    from pytest_graysplit.traffic.client.sync_client import SyncSplitClient
    from pytest_graysplit.traffic.grade.grade import Grade
    from pytest_graysplit.traffic.guards.breaker import BreakerPolicy
    from pytest_graysplit.traffic.monitor.monitor import Monitor
    from pytest_graysplit.traffic.observers.observer import Observer
    from pytest_graysplit.traffic.observers.otel import OpenTelemetryObserver
    from pytest_graysplit.traffic.splitter import Assignment, RolledBack, Split, TrafficSplitter
    from pytest_graysplit.traffic.splitter.configured import load_splitter
    from pytest_graysplit.types import Case, Comparison, Expect, Flag, Metric, Reply, ToolCall, Usage

__all__ = [
    "App",
    "Assignment",
    "BreakerPolicy",
    "Case",
    "Comparison",
    "Expect",
    "Flag",
    "Grade",
    "GraysplitError",
    "Metric",
    "Monitor",
    "Observer",
    "OpenTelemetryObserver",
    "Policy",
    "Reply",
    "RequestFailedError",
    "Rollback",
    "RolledBack",
    "Split",
    "SplitClient",
    "SplitReply",
    "SyncSplitClient",
    "ToolCall",
    "ToolCallError",
    "TrafficSplitter",
    "Usage",
    "dashboard_app",
    "load_splitter",
]

# The modules of the public names that are not in `types`.
_HOMES = {
    "App": "plugin.app.app",
    "Assignment": "traffic.splitter",
    "BreakerPolicy": "traffic.guards.breaker",
    "Grade": "traffic.grade.grade",
    "GraysplitError": "errors",
    "Monitor": "traffic.monitor.monitor",
    "Observer": "traffic.observers.observer",
    "OpenTelemetryObserver": "traffic.observers.otel",
    "Policy": "config.policy",
    "RequestFailedError": "traffic.client.reply",
    "Rollback": "config.pyproject.rollback",
    "RolledBack": "traffic.splitter",
    "Split": "traffic.splitter",
    "SplitClient": "traffic.client.client",
    "SplitReply": "traffic.client.reply",
    "SyncSplitClient": "traffic.client.sync_client",
    "ToolCallError": "errors",
    "TrafficSplitter": "traffic.splitter",
    "dashboard_app": "reporting.dashboard.traffic_source",
    "load_splitter": "traffic.splitter.configured",
}

keep_old_paths()


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for, so that an unused plugin costs nothing."""
    if name == "__version__":
        from importlib.metadata import version

        return version("pytest-graysplit")
    if name in __all__:
        return getattr(import_module(f"pytest_graysplit.{_HOMES.get(name, 'types')}"), name)
    raise AttributeError(f"module 'pytest_graysplit' has no attribute {name!r}")
