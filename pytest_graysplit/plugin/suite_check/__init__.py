"""The pytest plugin of `graysplit suite check`, loaded with `-p`: its tests run with wrong answers too.

It adds the option with the path for the findings. With it, `registration.py` replaces the report of a run.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_graysplit.plugin.options import SUITE_CHECK, findings_path, settings_of

LIVE_PAGE = "graysplit-live-page"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option, which only the command gives."""
    parser.getgroup("graysplit").addoption(
        f"--{SUITE_CHECK.replace('_', '-')}", dest=SUITE_CHECK, default=None, help="for graysplit suite check"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Run in this process, and leave out the reports of a usual run; end the session if no control is named."""
    from pytest_graysplit.errors import GraysplitError, Slug, UsageError

    # Workers of pytest-xdist would run the tests, a JUnit file would have none, and a debugger would wait for a person.
    unset: dict[str, object] = {
        "dist": "no",
        "tx": [],
        "numprocesses": None,
        "xmlpath": None,
        "usepdb": False,
        "trace": False,
    }
    for name, value in unset.items():
        if hasattr(config.option, name):
            setattr(config.option, name, value)
    try:
        if settings_of(config).control is None:
            raise UsageError(
                "no control is named, whose recorded answers the suite is checked with",
                hint="name the model you run today: graysplit_control in the ini file, or graysplit suite check -- "
                "--graysplit-control=MODEL",
                slug=Slug.CONTROL_MISSING,
            )
    except GraysplitError as error:
        write_error(config, error.problem, error.hint, error.slug)
        raise pytest.UsageError(str(error)) from None


@pytest.hookimpl(trylast=True)
def pytest_collection(session: pytest.Session) -> None:
    """Take the live page out of the session, which another option may have put there."""
    session.config.pluginmanager.unregister(name=LIVE_PAGE)


def write_error(config: pytest.Config, problem: str, hint: str, slug: str) -> None:
    """Write an error for the command, which shows it in place of pytest's output."""
    path = Path(str(findings_path(config)))
    path.write_text(json.dumps({"error": [problem, hint, slug]}), encoding="utf-8")
