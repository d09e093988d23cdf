"""Old names and import paths of the documentation work, and their warnings name the new ones."""

import importlib
import sys

import pytest

from pytest_graysplit import errors
from pytest_graysplit.moved import MOVED

OLD = {
    "pytest_graysplit.dashboard.app": ("pytest_graysplit.reporting.dashboard.app", "page_app"),
    "pytest_graysplit.metrics.guards": ("pytest_graysplit.evaluation.metrics.guards", "flags"),
    "pytest_graysplit.traffic.prometheus": ("pytest_graysplit.traffic.monitor.prometheus", "MonitorCollector"),
}


@pytest.fixture(autouse=True)
def _forget_old_modules():
    """Each test imports the old paths again."""
    yield
    for name in MOVED:
        sys.modules.pop(f"pytest_graysplit.{name}", None)


@pytest.mark.parametrize("old", OLD)
def test_old_path_gives_the_same_object_and_names_the_new_path(old):
    new, name = OLD[old]
    with pytest.warns(DeprecationWarning, match=f"^{old} is now {new}; the old path goes in the next release$"):
        module = importlib.import_module(old)
    assert getattr(module, name) is getattr(importlib.import_module(new), name)


def test_unknown_path_is_not_found():
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'pytest_graysplit\.metrics\.unknown'$"):
        importlib.import_module("pytest_graysplit.metrics.unknown")


def test_renamed_error_keeps_its_old_name():
    with pytest.warns(DeprecationWarning, match="UnaskedError is now BudgetExceededError"):
        assert errors.UnaskedError is errors.BudgetExceededError
    with pytest.raises(AttributeError, match=r"^module 'pytest_graysplit\.errors' has no attribute 'UnaskdError'$"):
        _ = errors.UnaskdError
