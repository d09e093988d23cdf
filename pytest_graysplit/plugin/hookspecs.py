"""Hooks for a conftest.py or another plugin, with their callers per folder, and the names of our hook objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pluggy import HookCaller

    from pytest_graysplit.types import Case, Json, Reply
    from pytest_graysplit.verdict import Verdict
    from pytest_graysplit.verdict.results import Results

# The name under which the hooks of the xdist controller are registered. A process that has them runs no tests.
CONTROLLER = "graysplit-controller"
# The name under which the hooks of a process that runs tests are registered.
RUNNER = "graysplit-runner"
# The name under which the hooks of the process that reports are registered.
REPORTER = "graysplit-reporter"
# The name under which the hooks that evaluate the early stop are registered.
MONITOR = "graysplit-early-stop-monitor"


def pytest_graysplit_modify_request(case: Case, model: str, arm: str, body: dict[str, Json]) -> None:
    """Change the request body of a case in place, before it is looked up in the recordings or sent.

    The body holds `messages` and the parameters; the model is decided by the arm, whose name is `arm`. A change becomes
    part of the recording's key, so it must be the same every time. A change of one arm's requests alone is a difference
    that no configuration declares, and the verdict holds. Of a conversation it gets the first request, which the later
    ones continue.
    """


def pytest_graysplit_normalize(body: dict[str, Json], case: Case) -> None:
    """Remove from the body of an application's request, in place, the parts that change in every run.

    The body is a copy: the request is sent as the application made it. The changed body is looked up in the recordings
    and stored there, so it must be the same in every run. It is called for the requests of tests with `graysplit_app`,
    after the patterns of `[tool.graysplit.app] ignore` were applied, from any thread.
    """


@pytest.hookspec(firstresult=True)
def pytest_graysplit_score(metric: str, case: Case, control: Reply, treatment: Reply) -> float | None:
    """Score the treatment's reply against the control's, from 0 to 1; None leaves it to the next implementation.

    It is called for every metric name that is not built in, and may also take over a built-in one. A conversation is
    scored turn by turn: `control.turn` is the turn, and `control.earlier` the replies before it.
    """


def pytest_graysplit_redact(text: str) -> str | None:
    """Return the text without the parts that must not be stored, or None to leave it unchanged.

    Every text of a request and of a reply passes through here on its way into a recording.
    """


def pytest_graysplit_summary(results: Results, verdicts: tuple[Verdict, ...]) -> str | None:
    """Return one more line for the session-end summary, or None; there is a verdict for each treatment."""


class FolderHooks:
    """The callers of our hooks per folder: each includes the conftest.py files of that folder and all plugins."""

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
        # The `ihook` of an item is made once, and would include the conftest.py of another folder that is loaded later.
        key = (name, path.parent, number)
        if key not in self._known:
            session: Any = self._manager.get_plugin("session")
            here = everywhere if session is None else getattr(session.gethookproxy(path), name)
            self._known[key] = here if here.get_hookimpls() else None
        return self._known[key]

    def functions(self, name: str, path: Path | None) -> list[Callable[..., Any]]:
        """Return the functions that implement a hook for a file; for any file where the path is None."""
        caller = getattr(self._hooks, name) if path is None else self.of(name, path)
        return [] if caller is None else [each.function for each in caller.get_hookimpls()]
