"""A missed expectation, as every check yields it."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """One expectation that an answer does not meet, what to do, and the heading that tells more."""

    problem: str
    hint: str
    slug: str
