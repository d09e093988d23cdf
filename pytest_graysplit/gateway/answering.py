"""Answers to the requests of an application: from the recordings, or from the model of the arm that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.config.arms import Arm
from pytest_graysplit.errors import GraysplitError, RecordingError, RelayError, Slug, UsageError
from pytest_graysplit.formatting.json_text import read_json
from pytest_graysplit.gateway.api_errors import refusal, status_of
from pytest_graysplit.gateway.call_answer import CallAnswer
from pytest_graysplit.gateway.served import StreamPasser, serve
from pytest_graysplit.gateway.swapping import swapped_body
from pytest_graysplit.gateway.upstream import passed_headers
from pytest_graysplit.replies.fetcher import run_stopped
from pytest_graysplit.replies.fingerprint import request_hash
from pytest_graysplit.replies.reply_request import ReplyRequest
from pytest_graysplit.types import ReplyKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from pytest_graysplit.config.credentials import Access
    from pytest_graysplit.gateway.app_call import AppCall
    from pytest_graysplit.gateway.app_run import AppRun, IncomingCall
    from pytest_graysplit.gateway.item_calls import ItemCalls
    from pytest_graysplit.types import Json, Reply, Route


class Answerer:
    """The one place where requests of applications are answered, for clients in this process and for the server.

    `begin` gives the future of a reply, recorded or sent. `access_of` gives the endpoint of a request for a model that
    is not swapped.
    """

    def __init__(
        self, begin: Callable[[ReplyRequest], Future[Reply]], access_of: Callable[[IncomingCall, Route], Access]
    ) -> None:
        self._begin = begin
        self._access_of = access_of

    def answer(self, calls: ItemCalls, call: IncomingCall) -> CallAnswer:
        """Begin to answer a request and return at once; every problem becomes an error answer."""
        try:
            return self._checked(calls, call)
        except GraysplitError as error:
            return _spoiled(calls, error, call.path)
        except Exception as error:  # noqa: BLE001 # a hook of the user may raise anything, and the client must not hang
            return _spoiled(calls, _unexpected(error), call.path)

    def _checked(self, calls: ItemCalls, call: IncomingCall) -> CallAnswer:
        """Answer a model call that is within the limits, and refuse any other request."""
        if calls.is_closed:
            return outside(call.path)
        route = call.route
        if route is None:
            return _unserved(calls, call)
        body = _object(call.body)
        if body is None or not isinstance(model := body.get("model"), str):
            return unusable(calls, call.path, 400, "whose body is not a JSON object that names a model")
        if not calls.admit(model):
            return _beyond_limit(calls, call.path)
        return self._answered(calls, call, route, body)

    def _answered(self, calls: ItemCalls, call: IncomingCall, route: Route, body: dict[str, Json]) -> CallAnswer:
        answer = CallAnswer()
        passer = StreamPasser(answer) if body.get("stream") is True else None
        request, swapped = self._request(calls, call, route, body, passer)
        app_call = calls.begin(request.key, route, swapped=swapped, answer=answer)
        try:
            future = self._begin(request._replace(key=app_call.key))
        except BaseException as error:
            calls.failed(app_call, error if isinstance(error, GraysplitError) else _unexpected(error))
            raise
        future.add_done_callback(_Pending(calls, app_call, answer, passer, call.path).finish)
        return answer

    def _request(
        self,
        calls: ItemCalls,
        call: IncomingCall,
        route: Route,
        body: dict[str, Json],
        passer: StreamPasser | None,
    ) -> tuple[ReplyRequest, bool]:
        """Return the request that is sent in place of the application's, and whether its model is swapped."""
        run, model = calls.run, str(body["model"])
        swapped = model in run.swapped
        if swapped:
            arm, sent = run.config, swapped_body(run.config, body, route)
        else:
            arm = Arm.plain(model, self._access_of(call, route))
            sent = {name: value for name, value in body.items() if name != "model"}
        recorded = calls.normalise(dict(sent))
        request = ReplyRequest(
            arm=run.arm,
            config=arm,
            key=_key(run, arm, route, recorded),
            recording_path=run.recording_path,
            body=recorded,
            route=route,
            keeps_answer=True,
            passes=not swapped,
            sent_body=sent,
            headers=passed_headers(call.headers, of_account=not swapped),
            listener=passer,
        )
        return request, swapped


class _Pending(NamedTuple):
    """A call whose reply is on its way, and the answer that waits for it."""

    calls: ItemCalls
    call: AppCall
    answer: CallAnswer
    passer: StreamPasser | None
    path: str

    def finish(self, done: Future[Reply]) -> None:
        """Keep the reply first and answer then, so that an application that goes on sees its own call."""
        error = run_stopped() if done.cancelled() else done.exception()
        if error is not None:
            self._fail(error)
            return
        reply = done.result()
        if reply.served is None and reply.outcome != "error":
            self._fail(_unserved_reply(self.call))
            return
        self.calls.answered(self.call, reply)
        try:
            serve(reply, self.answer, self.passer, self.path)
        except Exception as unexpected:  # noqa: BLE001 # a future drops it, and the client would wait for ever
            self.calls.spoil(problem := _unexpected(unexpected))
            self._refuse(problem)

    def _fail(self, error: BaseException) -> None:
        problem = error if isinstance(error, GraysplitError) else _unexpected(error)
        self.calls.failed(self.call, problem)
        self._refuse(problem)

    def _refuse(self, problem: GraysplitError) -> None:
        if self.passer is not None and self.passer.has_begun:
            self.answer.end(cut=str(problem))
        refused = refusal(status_of(problem), str(problem), problem.slug, path=self.path)
        self.answer.complete(refused.status, refused.body, refused.headers)


def _unserved(calls: ItemCalls, call: IncomingCall) -> CallAnswer:
    """Return the error for a route that the gateway does not have; the run cannot be judged without its answer."""
    path = call.path.partition("?")[0]
    error = UsageError(
        f"the application sent {call.method} {path}, which the gateway does not answer",
        hint="it answers /chat/completions, /responses, /embeddings, /models and /messages; give the client of any "
        "other request an address of its own",
        slug=Slug.GATEWAY_ROUTE,
    )
    calls.spoil(error)
    return refusal(501, str(error), Slug.GATEWAY_ROUTE, path=call.path)


def unusable(calls: ItemCalls, path: str, status: int, found: str) -> CallAnswer:
    """Return the error for a request that no model can get; the run cannot be judged without its answer."""
    error = UsageError(
        f"the application sent a request to {path} {found}",
        hint="correct the request; a fallback of the application may hide this error",
        slug=Slug.REQUEST_UNUSABLE,
    )
    calls.spoil(error)
    return refusal(status, str(error), Slug.REQUEST_UNUSABLE, path=path)


def outside(path: str) -> CallAnswer:
    """Return the error for a request while no test with `graysplit_app` runs."""
    problem = "no test with graysplit_app runs now; a thread or process that outlives its test can get no answer"
    return refusal(409, problem, Slug.GATEWAY_OUTSIDE, path=path)


def _key(run: AppRun, arm: Arm, route: Route, body: Mapping[str, Json]) -> ReplyKey:
    return ReplyKey(run.case.id, arm.model, request_hash(body, route), run.sample, arm.recorded_as)


def _unserved_reply(app_call: AppCall) -> RecordingError:
    return RecordingError(
        f"the recording of a call of case {app_call.key.case!r} ({app_call.key.model}) lacks the answer of the server",
        hint="delete the line, and record it again with --graysplit-record=new",
        slug=Slug.RECORDING_BROKEN,
    )


def _spoiled(calls: ItemCalls, error: GraysplitError, path: str) -> CallAnswer:
    calls.spoil(error)
    return refusal(status_of(error), str(error), error.slug, path=path)


def _beyond_limit(calls: ItemCalls, path: str) -> CallAnswer:
    problem = f"the application has made {calls.run.max_calls} requests in one test, the most that are answered"
    answer = refusal(400, problem, Slug.GATEWAY_CALLS, path=path)
    answer.is_beyond_limit = True
    return answer


def _object(body: bytes) -> dict[str, Json] | None:
    try:
        value = read_json(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _unexpected(error: BaseException) -> GraysplitError:
    return RelayError(
        f"answering a request of the application failed unexpectedly: {type(error).__name__}: {error}",
        hint="if the error is one of a pytest_graysplit_normalize hook, correct the hook; else please report this",
        slug=Slug.RELAY_UNEXPECTED,
    )
