"""Conversations: scripted messages of the user, between which an arm continues its own answers."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_graysplit.errors import GraysplitError
from pytest_graysplit.replies.fingerprint import request_hash, unchanged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pytest_graysplit.replies.fetcher import ReplyFetcher
    from pytest_graysplit.replies.reply_request import ReplyRequest
    from pytest_graysplit.types import Json, Message, Redactor, Reply

# After these outcomes there is no answer that the user could reply to.
_ENDS = frozenset({"error", "empty", "refusal", "filtered"})


class Conversation:
    """One sample of one arm: the replies so far, and the request that is `next`; None after the last turn.

    A request without a script is a conversation of one turn. The conversation ends early after an answer that failed,
    was refused or filtered, has no text, or calls a tool, because the script has no result of the call.
    """

    def __init__(self, request: ReplyRequest, as_recorded: Redactor = unchanged) -> None:
        """Begin with the first request; `as_recorded` turns a fresh text into its recorded form.

        A replay must make the same requests, and it reads the recorded texts.
        """
        self.next: ReplyRequest | None = request
        self._as_recorded = as_recorded
        self._replies: tuple[Reply, ...] = ()

    @property
    def has_begun(self) -> bool:
        """Whether there is a reply."""
        return bool(self._replies)

    @property
    def reply(self) -> Reply:
        """The last reply, which holds the earlier ones."""
        return self._replies[-1]

    def add(self, reply: Reply) -> None:
        """Add the reply to the next request."""
        request = self.next
        assert request is not None  # noqa: S101 # the caller has sent it
        if request.turn is not None:
            reply = replace(reply, turn=request.turn, earlier=self._replies)
        self._replies += (reply,)
        self.next = self._following(request, reply) if request.following and can_be_continued(reply) else None

    def _following(self, request: ReplyRequest, reply: Reply) -> ReplyRequest:
        text = sendable(reply.text if reply.replayed else self._as_recorded(reply.text))
        body = _with_messages(request.body, {"role": "assistant", "content": text}, request.following[0])
        return request._replace(
            key=request.key._replace(request=request_hash(body)),
            body=body,
            turn=len(self._replies),
            following=request.following[1:],
        )


def can_be_continued(reply: Reply) -> bool:
    """Tell whether the user can reply to the answer."""
    return reply.outcome not in _ENDS and bool(reply.text.strip()) and not reply.tool_calls


def converse(fetcher: ReplyFetcher, requests: Sequence[ReplyRequest]) -> list[Reply]:
    """Return the last reply of each conversation, after all of them have taken each turn together.

    Raises RecordingError or RelayError for an unavailable reply.
    """
    talks = [Conversation(request, fetcher.as_recorded(request.recording_path)) for request in requests]
    while waiting := [(talk, talk.next) for talk in talks if talk.next is not None]:
        # The caller has sent the first requests, with a check of their keys and folders.
        fetcher.start(fetcher.missing(request for talk, request in waiting if talk.has_begun))
        for talk, request in waiting:
            talk.add(fetcher.reply(request))
    return [talk.reply for talk in talks]


def next_requests(fetcher: ReplyFetcher, requests: Iterable[ReplyRequest]) -> list[ReplyRequest]:
    """Return the request of each conversation that no available reply answers, without waiting for any."""
    talks = (_as_far_as(fetcher.is_available, fetcher, request) for request in requests)
    return [talk.next for talk in talks if talk.next is not None]


def so_far(fetcher: ReplyFetcher, request: ReplyRequest) -> Reply | None:
    """Return the last reply of a conversation of which every request was sent or is recorded; None without any."""
    talk = _as_far_as(lambda one: fetcher.is_sent(one) or fetcher.is_available(one), fetcher, request)
    return talk.reply if talk.has_begun else None


def without_answers(request: ReplyRequest) -> Iterator[dict[str, Json]]:
    """Yield the bodies of the later turns without the answers between their messages, to estimate their cost."""
    body = dict(request.body)
    for message in request.following:
        body = _with_messages(body, message)
        yield body


def sendable(text: str) -> str:
    """Return the text without halves of surrogate pairs: a model can write them, but a request cannot carry them."""
    return text.encode("utf-8", "replace").decode()


def _as_far_as(has_reply: Callable[[ReplyRequest], bool], fetcher: ReplyFetcher, request: ReplyRequest) -> Conversation:
    talk = Conversation(request, fetcher.as_recorded(request.recording_path))
    with suppress(GraysplitError):  # the test of the case fails with it
        while talk.next is not None and has_reply(talk.next):
            talk.add(fetcher.reply(talk.next))
    return talk


def _with_messages(body: Mapping[str, Json], *more: Message) -> dict[str, Json]:
    messages = body.get("messages")
    return {**body, "messages": [*(messages if isinstance(messages, list) else ()), *map(dict, more)]}
