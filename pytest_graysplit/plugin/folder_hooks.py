"""Our hooks as they hold for one file: those of its own folders' conftest.py files and of plugins, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest
    from pluggy import HookCaller


class FolderHooks:
    """The hook callers of each folder, found again when another conftest.py has been loaded since."""

    def __init__(self, config: pytest.Config) -> None:
        self._hooks = config.hook
        self._manager = config.pluginmanager
        self._known: dict[tuple[str, Path, int], HookCaller | None] = {}

    def of(self, name: str, path: Path) -> HookCaller | None:
        """Return the caller of a hook for a file; None where nothing implements it there."""
        everywhere: HookCaller = getattr(self._hooks, name)
        number = len(everywhere.get_hookimpls())
        if not number:
            return None
        # An item's own `ihook` is made once, and takes a conftest.py in that another folder brings later.
        key = (name, path.parent, number)
        if key not in self._known:
            session: Any = self._manager.get_plugin("session")
            here = everywhere if session is None else getattr(session.gethookproxy(path), name)
            self._known[key] = here if here.get_hookimpls() else None
        return self._known[key]

    def functions(self, name: str, path: Path | None) -> list[Callable[..., Any]]:
        """Return the functions that implement a hook for a file, or for any file."""
        caller = getattr(self._hooks, name) if path is None else self.of(name, path)
        return [] if caller is None else [each.function for each in caller.get_hookimpls()]
