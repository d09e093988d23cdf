"""May this cheaper model replace the one we run today? Answered with evidence, as a pytest plugin."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_graysplit.errors import GraysplitError
    from pytest_graysplit.types import Case, Comparison, Expect, Flag, Metric, Reply, Usage

__all__ = ["Case", "Comparison", "Expect", "Flag", "GraysplitError", "Metric", "Reply", "Usage"]


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for, so that an unused plugin costs nothing."""
    if name == "__version__":
        from importlib.metadata import version

        return version("pytest-graysplit")
    if name in __all__:
        home = "errors" if name.endswith("Error") else "types"
        return getattr(import_module(f"pytest_graysplit.{home}"), name)
    raise AttributeError(f"module 'pytest_graysplit' has no attribute {name!r}")
