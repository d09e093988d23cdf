"""Old import paths that the documentation named; they work with a DeprecationWarning until the next release."""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

_PACKAGE = __name__.rpartition(".")[0]
# Old module to new module; None for a package that only leads to an old module.
MOVED: dict[str, str | None] = {
    "dashboard": None,
    "dashboard.app": "reporting.dashboard.app",
    "metrics": None,
    "metrics.guards": "evaluation.metrics.guards",
    "traffic.prometheus": "traffic.monitor.prometheus",
}


class _Loader(Loader):
    """A loader that fills an old module with the names of the new one."""

    def exec_module(self, module: ModuleType) -> None:
        """Fill the module, and warn if it has a new path."""
        old = module.__name__
        if home := MOVED[old.removeprefix(f"{_PACKAGE}.")]:
            new = f"{_PACKAGE}.{home}"
            warnings.warn(
                f"{old} is now {new}; the old path goes in the next release", DeprecationWarning, stacklevel=2
            )
            names = {name: value for name, value in vars(import_module(new)).items() if not name.startswith("__")}
            vars(module).update(names)


class _Finder(MetaPathFinder):
    """A finder that is asked last, so it costs nothing if a module is found."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 # the protocol of finders
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Return the spec of an old module; None for any other."""
        package, _, old = fullname.partition(".")
        if package != _PACKAGE or old not in MOVED:
            return None
        return ModuleSpec(fullname, _Loader(), is_package=MOVED[old] is None)


def keep_old_paths() -> None:
    """Make the old paths importable."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
