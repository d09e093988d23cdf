"""The lines of a traffic log: the current split, each request, and users' feedback and signals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal, TypeAlias

import msgspec

from pytest_graysplit.traffic.splitter import RolledBack
from pytest_graysplit.types import Outcome, Role, Usage

# 1: the first format.
FORMAT: Literal[1] = 1


class DeclaredArm(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One arm of a split; 10,000 basis points are all units.

    `table` and `fingerprint` are those of a configured arm, and missing for others. Arms with the same `settings` have
    the same parameters and headers of their own; it is missing without any.
    """

    arm: str
    role: Role
    model: str
    basis_points: int
    table: str = ""
    fingerprint: str = ""
    settings: str = ""


class SplitRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="split"):
    """The split of the lines that follow; written when a log is opened or rotated, and when the weights change.

    `version` is missing without one. `after` is the split that this process changed to this one, missing at its start.
    `rollbacks` are those of the experiment so far.
    It is also written after a loss: `lost` lines of this process before it could not be written.
    """

    format: Literal[1] = FORMAT
    split: str
    salt: str
    at: str
    arms: tuple[DeclaredArm, ...]
    anonymous: Literal["control", "random"] = "control"
    version: int | msgspec.UnsetType = msgspec.UNSET
    after: str | msgspec.UnsetType = msgspec.UNSET
    rollbacks: tuple[RolledBack, ...] | msgspec.UnsetType = msgspec.UNSET
    lost: int | msgspec.UnsetType = msgspec.UNSET


class FallbackCall(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call to the control after a treatment failed; the control's own figures do not include it."""

    model: str
    outcome: Outcome
    latency_s: float | None = None
    attempts: int = 1
    usage: Usage | None = None
    cost_usd: Decimal | None = None
    error: str | None = None


# Not tracked by the garbage collector: a record holds plain JSON values, so it is never in a cycle. Its required fields
# can be given by position, because the monitor builds a record per request and names cost it time.
class RequestRecord(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag_field="kind", tag="request"):
    """One request of live traffic and how it ended: the client fills it, the monitor counts it, the log keeps it.

    `id` and `at` are empty until the monitor has counted the request. `unit` is the splitter's key of the unit in
    hexadecimal letters, a pseudonym; None for a request without a unit. `error` is the kind of failure, such as
    http-503, and `retried` the kinds of the failed attempts before it. All durations are in seconds, costs in US
    dollars. `wait_s` is the time that the application waited, with queue, attempts, backoff and fallback; None if it
    is unknown, as in logs of earlier versions. `messages`, `params` and `text` are None in a log without texts.
    """

    id: str
    at: str
    split: str
    arm: str
    model: str
    outcome: Outcome
    unit: str | None = None
    forced: bool = False
    latency_s: float | None = None
    ttft_s: float | None = None
    queue_s: float = 0.0
    backoff_s: float = 0.0
    attempts: int = 1
    retried: tuple[str, ...] = ()
    error: str | None = None
    problem: str | None = None
    served_model: str | None = None
    fell_back: bool = False
    usage: Usage | None = None
    cost_usd: Decimal | None = None
    fallback: FallbackCall | None = None
    messages: tuple[dict[str, Any], ...] | None = None
    params: dict[str, Any] | None = None
    text: str | None = None
    wait_s: float | None = None


class FeedbackRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="feedback"):
    """A user's score of one answer, from 0 to 1; `before` is the earlier score that it replaces."""

    id: str
    at: str
    score: float
    before: float | None = None


class SignalRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="signal"):
    """A named signal of a unit, such as a ticket, from 0 to 1; `before` is the earlier value that it replaces."""

    id: str
    at: str
    split: str
    unit: str
    signal: str
    value: float
    before: float | None = None


Record: TypeAlias = SplitRecord | RequestRecord | FeedbackRecord | SignalRecord
