"""Replies as an application gets them: whole, or as a stream that is passed on while it comes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_graysplit.errors import Slug
from pytest_graysplit.gateway.api_errors import error_body
from pytest_graysplit.gateway.call_answer import NO_RETRY

if TYPE_CHECKING:
    from pytest_graysplit.gateway.call_answer import CallAnswer
    from pytest_graysplit.types import Reply, ServedAnswer

# An event that tells that the answer is complete, or has failed. A name inside of a text has a backslash before its
# last quote.
_LAST = re.compile(
    rb'"(finish_reason|stop_reason)"\s*:\s*"|"type"\s*:\s*"(response\.(completed|failed|incomplete)|message_stop|error)"'
    rb'|^data:\s*(\[DONE\]|\{\s*"error")',
    re.MULTILINE,
)


class StreamPasser:
    """A listener that passes on the events of a stream, up to the first that tells that the answer is complete.

    The rest is passed on when the reply is on disk, so that an application that has its whole answer never pays for it
    again. `has_begun` tells whether the application got a part.
    """

    def __init__(self, answer: CallAnswer) -> None:
        self._answer = answer
        self._held: list[bytes] = []
        self.has_begun = False

    def begin(self) -> None:
        """Begin an attempt; an earlier one has failed before anything was passed on."""
        self._held = []

    def look(self, received: bytes) -> bool:
        """Pass on the next event, or hold it; return whether any was passed on."""
        if self._held or _LAST.search(received):
            self._held.append(received)
            return self.has_begun
        if not self.has_begun:
            self.has_begun = True
            self._answer.start_stream()
        self._answer.add(received)
        return True

    def rest(self) -> list[bytes]:
        """Return the events that were not passed on."""
        return self._held


def serve(reply: Reply, answer: CallAnswer, passer: StreamPasser | None, path: str) -> None:
    """Give an application the answer of a reply; a failed call is an error answer."""
    failed = reply.outcome == "error"
    if passer is not None and passer.has_begun:
        if not failed:
            answer.add(*passer.rest())
        answer.end(cut=(reply.error or "the call failed") if failed else None)
        return
    served = reply.served
    if served is None or (failed and served.status < 400):
        status = 504 if reply.error_slug == Slug.RELAY_TIMEOUT else 502
        problem, code = reply.error or "the call failed", reply.error_slug or ""
        answer.complete(status, error_body(status, problem, code, path=path), NO_RETRY)
    elif served.events:
        answer.start_stream()
        answer.add(*(f"{event}\n\n".encode() for event in served.events))
        answer.end()
    else:
        _complete(served, answer)


def _complete(served: ServedAnswer, answer: CallAnswer) -> None:
    import msgspec

    headers = NO_RETRY if served.status >= 400 else {}
    if isinstance(served.body, str):  # an error of a server that sends no JSON
        answer.complete(served.status, served.body.encode(), {"content-type": "text/plain; charset=utf-8", **headers})
    else:
        answer.complete(served.status, msgspec.json.encode(served.body), headers)
