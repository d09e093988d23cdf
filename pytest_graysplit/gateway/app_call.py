"""One request of an application: whether it was answered in time, and whether the application made a failure good."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_graysplit.errors import Slug
from pytest_graysplit.types import Reply

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_graysplit.gateway.call_answer import CallAnswer
    from pytest_graysplit.types import ReplyKey, Route

_GAVE_UP = "its client gave up waiting before the answer was there"
# Bad request, content too large, unprocessable content.
_REFUSED = (400, 413, 422)


@dataclass(slots=True, eq=False)
class AppCall:
    """One request: its recording key, its route, whether its model is swapped, and its reply once it is there.

    `answer` is what its client waits for. `is_late` means that the body of the test ended before it came.
    """

    key: ReplyKey
    route: Route
    swapped: bool
    answer: CallAnswer | None = None
    reply: Reply | None = None
    is_late: bool = False

    @property
    def failure(self) -> Reply | None:
        """Its reply if that is an error, or an error if its client gave up waiting; else None."""
        reply = self.reply
        if reply is not None and reply.outcome == "error":
            return reply
        if not self.is_abandoned:
            return None
        known = reply or Reply(model=self.key.model, outcome="error", sample=self.key.sample, route=self.route)
        return replace(known, outcome="error", error=_GAVE_UP, error_slug=Slug.APP_GAVE_UP, error_kind=Slug.APP_GAVE_UP)

    @property
    def is_abandoned(self) -> bool:
        """Whether its client gave up before the answer was there."""
        return self.answer is not None and self.answer.is_abandoned

    @property
    def has_failed(self) -> bool:
        """Whether its client got no answer."""
        return self.failure is not None

    @property
    def has_ended(self) -> bool:
        """Whether its reply is there, or its client has given up."""
        return self.reply is not None or self.is_abandoned

    @property
    def is_awaited(self) -> bool:
        """Whether no part of its answer is there, and its client still waits."""
        has_begun = self.reply is not None or (self.answer is not None and self.answer.has_head)
        return not (has_begun or self.is_abandoned)

    @property
    def is_refused(self) -> bool:
        """Whether the server refused the request as it was, because of its length or a parameter."""
        served = None if self.reply is None else self.reply.served
        return served is not None and served.status in _REFUSED

    def is_followed_by_its_own(self, later: Iterable[AppCall]) -> bool:
        """Tell whether the next answer to a request of this kind is one of the same model."""
        same = (call for call in later if (call.route == "embeddings") == (self.route == "embeddings"))
        following = next((call for call in same if not call.has_failed), None)
        return following is not None and (following.key.model, following.swapped) == (self.key.model, self.swapped)
