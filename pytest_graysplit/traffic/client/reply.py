"""What an application gets for a message: the reply, and the arm that it is a part of."""

from __future__ import annotations

from dataclasses import dataclass, fields

from pytest_graysplit.errors import GraysplitError, Slug, UsageError
from pytest_graysplit.types import Reply, Role

_OF_A_REPLY = tuple(one.name for one in fields(Reply))


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitReply(Reply):
    """A reply of live traffic: `arm` is the one that the unit belongs to, `id` what feedback is given on.

    Where the control answered in the place of a treatment that failed, `model` is the control's, and `failed` the
    reply that it stands in for.
    """

    arm: str
    role: Role
    id: str
    failed: Reply | None = None


class RequestFailedError(GraysplitError):
    """A request that nobody has answered; `reply` is the failed reply with its arm, its latency in seconds, its id."""

    reply: SplitReply


def arm_reply(reply: Reply, *, arm: str, role: Role, request_id: str, failed: Reply | None = None) -> SplitReply:
    """Return the reply as a part of its arm."""
    own = {name: getattr(reply, name) for name in _OF_A_REPLY}
    return SplitReply(**own, arm=arm, role=role, id=request_id, failed=failed)


def failure(reply: SplitReply) -> RequestFailedError:
    """Return the error for a request that nobody has answered."""
    stand_in = ", and so did the control in its place" if reply.failed is not None else ""
    tries = f"after {reply.attempts} attempts" if reply.attempts > 1 else "at once"
    hint = "tell the user, or try again later; it has been counted and logged"
    if reply.role == "treatment" and reply.failed is None:
        hint += "; fallback=True lets the control answer where a treatment fails"
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
        hint="use it as `async with SplitClient(...) as client`, and ask inside the block",
        slug=Slug.SPLIT_CLIENT_CLOSED,
    )
