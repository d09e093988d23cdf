"""Checks of replies and comparisons against the expectations of a case; every failure names its remedy."""

from __future__ import annotations

from typing import NamedTuple


class CheckFailure(NamedTuple):
    """One expectation that an answer does not meet, the remedy, and the heading that explains it.

    `check` is the place of the expectation in the case, such as `expect.contains[1]`.
    """

    problem: str
    hint: str
    slug: str
    check: str = ""
