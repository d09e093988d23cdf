"""Hooks that a conftest.py or another plugin may implement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_graysplit.types import Case, Json, Reply
    from pytest_graysplit.verdict import Verdict
    from pytest_graysplit.verdict.results import Results


def pytest_graysplit_modify_request(case: Case, model: str, body: dict[str, Json]) -> None:
    """Change the request body of a case in place, before it is looked up in the recordings or sent.

    The body holds `messages` and the parameters; the model is decided by the arm. What is changed becomes part of
    the recording's key, so the change must be the same every time.
    """


@pytest.hookspec(firstresult=True)
def pytest_graysplit_score(metric: str, case: Case, control: Reply, treatment: Reply) -> float | None:
    """Score the treatment's reply against the control's, from 0 to 1; None leaves it to the next implementation.

    It is asked for every metric name that is not built in, and may also take over a built-in one.
    """


def pytest_graysplit_redact(text: str) -> str | None:
    """Return the text with what must not be stored taken out, or None to leave it as it is.

    Every text of a request and of a reply passes through here on its way into a recording.
    """


def pytest_graysplit_summary(results: Results, verdicts: tuple[Verdict, ...]) -> str | None:
    """Return one more line for the session-end summary, or None; there is a verdict for each treatment."""
