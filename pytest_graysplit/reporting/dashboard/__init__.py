"""The live page: the figures of a run or of live traffic in a browser; described in `docs/dashboard.md`."""

from __future__ import annotations

from importlib.util import find_spec

from pytest_graysplit.errors import Slug, UsageError


def require(*packages: str) -> None:
    """Raise UsageError unless every package of the extra `dashboard` can be imported."""
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise UsageError(
            f"the live page needs {' and '.join(missing)}",
            hint="pip install 'pytest-graysplit[dashboard]'",
            slug=Slug.DASHBOARD_MISSING,
        )
