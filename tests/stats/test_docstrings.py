"""The examples in the docstrings of the statistics, and what the package gives out."""

import doctest
import importlib
import pkgutil

import pytest

from pytest_graysplit import stats

MODULES = [module.name for module in pkgutil.iter_modules(stats.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_run(name):
    """What a docstring shows is what the function returns."""
    result = doctest.testmod(importlib.import_module(f"{stats.__name__}.{name}"))
    assert (result.failed, result.attempted > 0 or name == "interval") == (0, True)


def test_every_public_name_is_there_and_says_what_it_is():
    """`from pytest_graysplit.stats import ...` gives each of them, with a docstring."""
    assert sorted(stats.__all__) == stats.__all__
    assert all(getattr(stats, name).__doc__ for name in stats.__all__)
