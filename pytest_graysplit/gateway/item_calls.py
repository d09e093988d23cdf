"""The requests of an application during one run of one test, with their replies; used from any thread."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_graysplit.gateway.app_call import AppCall
from pytest_graysplit.gateway.matching import CallNumbers

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_graysplit.errors import GraysplitError
    from pytest_graysplit.gateway.app_run import AppRun
    from pytest_graysplit.gateway.call_answer import CallAnswer
    from pytest_graysplit.types import Json, Reply, ReplyKey, Route


class CallLimitError(BaseException):
    """The end of a test body whose application makes request after request; no `except Exception` catches it."""


class ItemCalls:
    """The requests of one run, in their order; `normalise` changes a copy of a body before it is looked up.

    `problem` is the first error because of which the run cannot be judged: a missing recording, a used-up cap, a run
    that was stopped. `refused` counts the requests beyond the limit, and `asked` has the number of requests by the name
    of the model that the application asked for.
    """

    def __init__(self, run: AppRun, normalise: Callable[[dict[str, Json]], dict[str, Json]]) -> None:
        self.run = run
        self.normalise = normalise
        self.problem: GraysplitError | None = None
        self.refused = 0
        self.asked: dict[str, int] = {}
        self._calls: list[AppCall] = []
        self._numbers = CallNumbers()
        self._admitted = 0
        self._running = 0
        self._closed = False
        self._settled = False
        self._changed = threading.Condition()

    @property
    def replies(self) -> tuple[Reply, ...]:
        """The replies so far, in the order of the requests; also those of models that are not swapped."""
        return self._replies(swapped_only=False)

    @property
    def swapped_replies(self) -> tuple[Reply, ...]:
        """The replies of the models under test."""
        return self._replies(swapped_only=True)

    @property
    def is_answered(self) -> bool:
        """Whether a request for a model under test was answered, or failed, before the body ended."""
        with self._changed:
            return any(call.swapped and call.has_ended and not call.is_late for call in self._calls)

    def lost(self, *, swapped: bool) -> tuple[Reply, ...]:
        """Return the failures after which the application went on without an answer: of its models, or of the others.

        An equal request that is answered makes a failure good. If the server refused the request as it was, so does
        another request, unless the next answer is that of another model.
        """
        with self._changed:
            calls = [call for call in self._calls if call.has_ended]
        answered = {call.key._replace(call=0) for call in calls if not call.has_failed}
        return tuple(
            failure
            for place, call in enumerate(calls)
            if call.swapped == swapped
            and (failure := call.failure) is not None
            and call.key._replace(call=0) not in answered
            and not (call.is_refused and call.is_followed_by_its_own(calls[place + 1 :]))
        )

    @property
    def is_closed(self) -> bool:
        """Whether the run is over."""
        return self._closed

    def close(self) -> None:
        """End the run: each later request gets an error."""
        self._closed = True

    @property
    def is_settled(self) -> bool:
        """Whether the body of the test is over: no exception may end it any more."""
        return self._settled

    def settle(self, timeout_s: float | None = None) -> bool:
        """Wait, after the body, for the answers to all requests so far, and return whether they are there.

        An application may leave a request behind: in a thread, or as a stream that it does not read to its end.
        """
        self._settled = True
        with self._changed:
            awaited = [call for call in self._calls if call.is_awaited]
            has_all = self._changed.wait_for(lambda: not self._running, timeout_s)
            for call in awaited:  # a client that hung up at the end of the body is noticed only meanwhile
                call.is_late = not call.is_abandoned
            return has_all

    # --- for the gateway

    def admit(self, model: str) -> bool:
        """Count a request; return False if it is beyond the limit."""
        with self._changed:
            self.asked[model] = self.asked.get(model, 0) + 1
            if self._admitted >= self.run.max_calls:
                self.refused += 1
                return False
            self._admitted += 1
            return True

    def begin(self, key: ReplyKey, route: Route, *, swapped: bool, answer: CallAnswer | None = None) -> AppCall:
        """Return a new call; its key gets the lowest number that no answered or running call like it has."""
        with self._changed:
            call = AppCall(self._numbers.take(key), route, swapped, answer)
            self._calls.append(call)
            self._running += 1
            return call

    def answered(self, call: AppCall, reply: Reply) -> None:
        """Keep the reply; a failed one frees the number of its call."""
        with self._changed:
            call.reply = reply if reply.route == call.route else replace(reply, route=call.route)
            self._end(call, frees=reply.outcome == "error")

    def failed(self, call: AppCall, error: GraysplitError) -> None:
        """Keep the error of a call without a reply: the run cannot be judged."""
        with self._changed:
            self.problem = self.problem or error
            self._end(call, frees=True)

    def spoil(self, error: GraysplitError) -> None:
        """Keep the error of a request that could not become a call."""
        with self._changed:
            self.problem = self.problem or error

    def _end(self, call: AppCall, *, frees: bool) -> None:
        if frees:
            self._numbers.free(call.key)
        self._running -= 1
        self._changed.notify_all()

    def _replies(self, *, swapped_only: bool) -> tuple[Reply, ...]:
        with self._changed:
            calls = [call for call in self._calls if call.swapped or not swapped_only]
            return tuple(call.reply for call in calls if call.reply is not None)
