"""Replies of a check: the control's recorded ones, and another one in the treatment's place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_graysplit.types import CONTROL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_graysplit.plugin.fetch.fetching import Fetching
    from pytest_graysplit.replies.reply_request import ReplyRequest
    from pytest_graysplit.types import Reply


class StandIn:
    """A source of replies in which the treatment gives the control's first recorded reply, or `other` in its place.

    `request` is the control's request of the last case, and `own` its reply; both are None before the first one.
    """

    def __init__(self, fetching: Fetching) -> None:
        self._fetching = fetching
        self.other: Reply | None = None
        self.request: ReplyRequest | None = None
        self.own: Reply | None = None

    def reply(self, request: ReplyRequest) -> Reply:
        """Return the reply to a request; raise RecordingError if the control's is not recorded."""
        if request.arm == CONTROL or request.metric:
            return self._fetching.fetcher.reply(request)
        # The control plays both roles, so its own request is this one, with another sample.
        self.request = request._replace(arm=CONTROL, key=request.key._replace(sample=0))
        self.own = self._fetching.fetcher.reply(self.request)
        return self.own if self.other is None else self.other

    def forget(self) -> None:
        """Forget the last case, and let the treatment answer as the control does."""
        self.other = self.request = self.own = None

    def second(self, request: ReplyRequest) -> Reply | None:
        """Return the control's second recorded reply to its request; None if there is none."""
        return self._recorded(request, sample=1)

    def others(self, request: ReplyRequest) -> Iterator[tuple[str, Reply]]:
        """Yield the other models whose replies to the same request of the case are recorded, with the first reply."""
        keys = self._fetching.recordings.keys(request.recording_path)
        own = request.key
        for key in sorted(keys):
            is_same_request = (key.case, key.request, key.sample) == (own.case, own.request, 0)
            if is_same_request and (key.model, key.arm) != (own.model, own.arm):
                reply = self._fetching.recordings.reply(request.recording_path, key)
                if reply is not None:
                    yield key.arm or key.model, reply

    def _recorded(self, request: ReplyRequest, *, sample: int) -> Reply | None:
        return self._fetching.recordings.reply(request.recording_path, request.key._replace(sample=sample))


def answered_by(own: Reply, other: Reply) -> Reply:
    """Return the control's reply with another answer: latency and cost say nothing about it."""
    return replace(own, text=other.text, tool_calls=other.tool_calls, outcome=other.outcome, error=other.error)
