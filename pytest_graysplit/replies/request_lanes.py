"""Requests that wait for their turn, and the lane that those to one endpoint share."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_graysplit.errors import Slug
from pytest_graysplit.types import Reply

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from pytest_graysplit.config.arms import Arm
    from pytest_graysplit.config.credentials import Access
    from pytest_graysplit.errors import GraysplitError
    from pytest_graysplit.replies.relay.client import Relay
    from pytest_graysplit.types import ByteListener, Json, Route


@dataclass(frozen=True, slots=True, eq=False)
class QueuedRequest:
    """One request of an arm to send, and the future for its reply; `name` identifies the request in messages.

    The other fields are those of the `ReplyRequest` that it was made from.
    """

    arm: Arm
    body: Callable[[], Mapping[str, Json]]
    keep: Callable[[Reply], Reply]
    future: Future[Reply]
    route: Route = "chat"
    name: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    keeps_answer: bool = False
    passes: bool = False
    listener: ByteListener | None = None


class Lane:
    """The requests to one endpoint: those that wait, and the tasks that send them, one per place.

    `opening` is the task that opens the relay, and `relay` is set when its models have been checked. A lane that
    `passes` has the requests of applications for models that are not under test: its models are not checked, and if
    its relay cannot be opened, `failure` is that of its requests alone.
    """

    def __init__(self, access: Access, *, passes: bool = False) -> None:
        self.access = access
        self.passes = passes
        self.failure: GraysplitError | None = None
        self.waiting: deque[QueuedRequest] = deque()
        self.tasks: set[asyncio.Task[None]] = set()
        self.opening: asyncio.Task[None] | None = None
        self.relay: Relay | None = None


def lane_key(request: QueuedRequest) -> tuple[str, ...]:
    """Return the identity of a request's lane: passed requests share one where they have one address and one key."""
    access = request.arm.access
    return (access.base_url, access.key.reveal() if access.key else "", "passes") if request.passes else access.endpoint


def not_sent(request: QueuedRequest, error: GraysplitError) -> Reply:
    """Return the failed reply to a request that an error kept from being sent."""
    return Reply(
        model=request.arm.model,
        outcome="error",
        error=error.problem,
        error_slug=error.slug,
        error_kind=error.slug,
        attempts=0,
        route=request.route,
    )


def failed_reply(request: QueuedRequest, error: Exception) -> Reply:
    """Return the reply to a request whose answer an unexpected error has lost."""
    about = f"{request.name}: " if request.name else ""
    return Reply(
        model=request.arm.model,
        outcome="error",
        error=f"{about}keeping the answer failed unexpectedly: {type(error).__name__}: {error}",
        error_slug=Slug.RELAY_UNEXPECTED,
    )
