"""Examples in the docstrings of the statistics, and the public names of the package."""

import doctest
import importlib
import pkgutil

import pytest

from pytest_graysplit import stats

MODULES = [module.name for module in pkgutil.iter_modules(stats.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_run(name):
    """The documented results are the actual ones."""
    result = doctest.testmod(importlib.import_module(f"{stats.__name__}.{name}"))
    assert (result.failed, result.attempted > 0 or name == "interval") == (0, True)


def test_public_names_exist_and_are_documented():
    """Each can be imported with `from pytest_graysplit.stats import ...`, and has a docstring."""
    assert sorted(stats.__all__) == stats.__all__
    assert all(getattr(stats, name).__doc__ for name in stats.__all__)
