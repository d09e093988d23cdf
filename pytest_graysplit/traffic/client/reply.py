"""The reply that an application gets, with its arm, and the error for a failed request."""

from __future__ import annotations

from dataclasses import dataclass, fields

from pytest_graysplit.errors import GraysplitError, Slug, UsageError
from pytest_graysplit.types import Reply, Role

_OF_A_REPLY = tuple(one.name for one in fields(Reply))


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitReply(Reply):
    """A reply of live traffic: `arm` is the arm of the unit, `id` the id for feedback.

    If the control answered after a treatment failed, `model` is the control's, and `failed` is the treatment's reply.
    """

    arm: str
    role: Role
    id: str
    failed: Reply | None = None


class RequestFailedError(GraysplitError):
    """A request without an answer; `reply` is the failed reply with its arm, its latency in seconds and its id."""

    reply: SplitReply


def arm_reply(reply: Reply, *, arm: str, role: Role, request_id: str, failed: Reply | None = None) -> SplitReply:
    """Return the reply with its arm."""
    own = {name: getattr(reply, name) for name in _OF_A_REPLY}
    return SplitReply(**own, arm=arm, role=role, id=request_id, failed=failed)


def failure(reply: SplitReply) -> RequestFailedError:
    """Return the error for a request without an answer."""
    stand_in = ", and so did the control in its place" if reply.failed is not None else ""
    tries = f"after {reply.attempts} attempts" if reply.attempts > 1 else "at once"
    hint = "tell the user, or try again later; the request was counted and logged"
    if reply.error_slug == Slug.PARAM_REFUSED:
        hint = "leave the parameter out of the call, or of all requests of the arm: unset in [tool.graysplit.arms]"
    if reply.role == "treatment" and reply.failed is None:
        hint += "; fallback=True lets the control answer if a treatment fails"
    error = RequestFailedError(
        f"{reply.arm} ({(reply.failed or reply).model}) failed {tries}{stand_in}: {reply.error}",
        hint=hint,
        slug=Slug(reply.error_slug or Slug.REQUEST_FAILED),
    )
    error.reply = reply
    return error


def client_closed() -> UsageError:
    """Return the error for a client that is used outside its block."""
    return UsageError(
        "the client is not open",
        hint="use it as `async with SplitClient(...) as client`, and call it inside the block",
        slug=Slug.SPLIT_CLIENT_CLOSED,
    )


def client_open() -> UsageError:
    """Return the error for a client that is opened a second time."""
    return UsageError(
        "the client is already open",
        hint="open one client for the whole application, and let all tasks and threads use it",
        slug=Slug.SPLIT_CLIENT_OPEN,
    )
