"""The id of a live request, which says by itself what it belongs to, so that nobody has to keep a list."""

from __future__ import annotations

import os
from typing import NamedTuple

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.traffic.splitter import MOST_ARMS
from pytest_graysplit.traffic.sums.units import BUCKETS

# So many ids are drawn at once: asking the system for eight bytes takes longer than all the rest of an id.
_DRAWN = 512
# The place of a request that is counted apart; feedback on it is left out, as the request is.
EXCLUDED = BUCKETS


class RequestId(NamedTuple):
    """What an id says: the split's identity, the place of the arm in it, and the place of the unit's cluster."""

    split: str
    arm: int
    bucket: int


def new_id(split: str, arm: int, bucket: int) -> str:
    """Return an id by which a request is known, and which is not used twice; it is no proof of who rates it."""
    try:
        tail = _tails.pop()
    except IndexError:  # not asked beforehand, because another thread may take the last one in between
        drawn = os.urandom(8 * (_DRAWN + 1)).hex()
        _tails.extend(drawn[start : start + 16] for start in range(16, len(drawn), 16))
        tail = drawn[:16]
    return f"{split}-{arm:x}-{bucket:x}-{tail}"


def read_id(text: str) -> RequestId:
    """Read an id; raise UsageError for what is none."""
    try:
        split, arm, bucket, _ = text.split("-")
        read = RequestId(split, int(arm, 16), int(bucket, 16))
    except (AttributeError, ValueError):
        read = RequestId("", -1, -1)
    if len(read.split) == 8 and 0 <= read.arm < MOST_ARMS and 0 <= read.bucket <= EXCLUDED:
        return read
    raise UsageError(
        f"{text!r} is no id of a request",
        hint="pass the id that record() returned, or reply.id",
        slug=Slug.TRAFFIC_ID,
    )


_tails: list[str] = []
if hasattr(os, "register_at_fork"):
    # Workers that are forked from one process must not give out the same ids.
    os.register_at_fork(after_in_child=_tails.clear)
