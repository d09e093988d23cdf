"""The id of a live request: it names its split, arm and cluster, so that the monitor keeps no list of ids."""

from __future__ import annotations

import os
from typing import NamedTuple

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.traffic.splitter import MOST_ARMS
from pytest_graysplit.traffic.sums.units import BUCKETS

# Ids drawn at once: a system call for eight bytes takes longer than the rest of an id.
_DRAWN = 512
# The bucket of a request that is not compared; feedback on it is not counted either.
EXCLUDED = BUCKETS


class RequestId(NamedTuple):
    """The parts of an id: the identity of the split, the index of the arm, and the bucket of the unit."""

    split: str
    arm: int
    bucket: int


def new_id(split: str, arm: int, bucket: int) -> str:
    """Return a unique id for a request; it does not prove the identity of a user who gives feedback."""
    try:
        tail = _tails.pop()
    except IndexError:  # caught, not checked before, because another thread may take the last one in between
        drawn = os.urandom(8 * (_DRAWN + 1)).hex()
        _tails.extend(drawn[start : start + 16] for start in range(16, len(drawn), 16))
        tail = drawn[:16]
    return f"{split}-{arm:x}-{bucket:x}-{tail}"


def read_id(text: str) -> RequestId:
    """Read an id; raise UsageError for an invalid one."""
    try:
        split, arm, bucket, _ = text.split("-")
        read = RequestId(split, int(arm, 16), int(bucket, 16))
    except (AttributeError, ValueError):
        read = RequestId("", -1, -1)
    if len(read.split) == 8 and 0 <= read.arm < MOST_ARMS and 0 <= read.bucket <= EXCLUDED:
        return read
    raise UsageError(
        f"{text!r} is not the id of a request",
        hint="pass the id that record() returned, or reply.id",
        slug=Slug.TRAFFIC_ID,
    )


_tails: list[str] = []
if hasattr(os, "register_at_fork"):
    # Workers that are forked from one process must not issue the same ids.
    os.register_at_fork(after_in_child=_tails.clear)
