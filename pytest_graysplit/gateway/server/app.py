"""The HTTP side of the gateway: an ASGI app that checks each request and passes on its answer."""

from __future__ import annotations

import asyncio
import hmac
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from pytest_graysplit.gateway.answering import outside, unusable
from pytest_graysplit.gateway.api_errors import refusal
from pytest_graysplit.gateway.app_run import MODELS, IncomingCall
from pytest_graysplit.gateway.call_answer import CallAnswer, CutAnswerError
from pytest_graysplit.gateway.item_calls import CallLimitError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from pytest_graysplit.gateway.answering import Answerer
    from pytest_graysplit.gateway.app_run import AppRun, Upstream
    from pytest_graysplit.gateway.item_calls import ItemCalls

    Receive = Callable[[], Awaitable[Mapping[str, Any]]]
    Send = Callable[[Mapping[str, Any]], Awaitable[None]]

MOST_BYTES = 32_000_000
_TOO_LARGE = "with more than 32 MB, the most that is passed on"


class Addressed(NamedTuple):
    """The parts of a request's path: the token, the item that it names (or none), and the path of the API."""

    token: str
    item: str
    path: str


class GatewayApp:
    """The ASGI app: it answers requests to this host that have the token in their path, for the item that runs.

    `find` returns the calls of the item with a number, or those of the current item for an empty text. `on_refused` is
    called after each request beyond the limit of its item.
    """

    def __init__(
        self,
        answerer: Answerer,
        *,
        token: str,
        port: int,
        find: Callable[[str], ItemCalls | None],
        on_refused: Callable[[ItemCalls], None],
    ) -> None:
        self._answerer = answerer
        self._token = token
        self._find = find
        self._on_refused = on_refused
        self._hosts = frozenset(f"{name}:{port}".encode() for name in ("127.0.0.1", "localhost"))

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one HTTP request; there are no others."""
        headers = dict(scope["headers"])
        addressed = addressed_by(scope["raw_path"].decode("latin-1"))
        answer = self._refused(headers, addressed)
        if answer is None:
            try:
                body = await _whole_body(headers, receive)
            except ConnectionError:
                return
            names = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers.items()}
            answer = self._answer(scope["method"], addressed, names, body)
            if not answer.has_head:
                await _head_or_end(answer, receive)
        await _send(answer, send)

    def answer(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, upstream: Upstream | None = None
    ) -> CallAnswer:
        """Answer a request of a client in this process; `upstream` is the place that it would have gone to.

        Raises CallLimitError in the thread of the application for requests beyond the limit.
        """
        addressed = addressed_by(path)
        if not self._has_token(addressed):
            return _without_token(addressed.path)
        answer = self._answer(method, addressed, headers, body if len(body) <= MOST_BYTES else None, upstream)
        calls = self._find(addressed.item)
        if answer.is_beyond_limit and calls is not None:
            raise CallLimitError(f"more than {calls.run.max_calls} requests in one test")
        return answer

    def _refused(self, headers: Mapping[bytes, bytes], addressed: Addressed) -> CallAnswer | None:
        """Return the error for a request that does not come from the application under test."""
        path = addressed.path
        if headers.get(b"host", b"").lower() not in self._hosts:
            return refusal(421, "this gateway answers to 127.0.0.1 and localhost only", "host", path=path)
        if b"origin" in headers:
            return refusal(403, "this gateway answers no pages of a browser", "origin", path=path)
        return None if self._has_token(addressed) else _without_token(path)

    def _has_token(self, addressed: Addressed) -> bool:
        return hmac.compare_digest(addressed.token.encode(), self._token.encode())

    def _answer(
        self,
        method: str,
        addressed: Addressed,
        headers: Mapping[str, str],
        body: bytes | None,
        upstream: Upstream | None = None,
    ) -> CallAnswer:
        path = addressed.path
        calls = self._find(addressed.item)
        if calls is None or calls.is_closed:
            return outside(path)
        if body is None:
            return unusable(calls, path, 413, _TOO_LARGE)
        call = IncomingCall(method, path, headers, body, upstream)
        if method in ("GET", "HEAD") and (path == MODELS or path.startswith(f"{MODELS}/")):
            return models_answer(calls.run, path)
        answer = self._answerer.answer(calls, call)
        if answer.is_beyond_limit:
            self._on_refused(calls)
        return answer


def _without_token(path: str) -> CallAnswer:
    return refusal(403, "the path does not begin with the token of this run", "token", path=path)


def addressed_by(raw_path: str) -> Addressed:
    """Split a path: /TOKEN/v1/chat/completions, or /TOKEN/ITEM/v1/... with the number of an item.

    Clients differ in whether they append `/v1` to their address, so it may be there twice, or not at all.

    >>> addressed_by("/abc/7/v1/messages")
    Addressed(token='abc', item='7', path='/messages')
    """
    token, *rest = raw_path.removeprefix("/").split("/")
    item = rest.pop(0) if rest and rest[0].isdecimal() else ""
    while rest and rest[0] in ("v1", ""):
        rest.pop(0)
    return Addressed(unquote(token), item, "/" + unquote("/".join(rest)).rstrip("/"))


def models_answer(run: AppRun, path: str) -> CallAnswer:
    """Return the list of the models that are swapped, or one model by its name: an application may only ask for one."""
    import msgspec

    name = path.removeprefix(MODELS).removeprefix("/")
    if name:
        return CallAnswer.of(200, msgspec.json.encode(_model(name)))
    rows = [_model(name) for name in sorted(run.swapped)]
    listed = {"object": "list", "data": rows, "has_more": False}
    return CallAnswer.of(200, msgspec.json.encode(listed))


def _model(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "pytest-graysplit"}


async def _whole_body(headers: Mapping[bytes, bytes], receive: Receive) -> bytes | None:
    """Return the body of a request; None if it is too large. Raise ConnectionError if it never comes to its end."""
    announced = headers.get(b"content-length", b"0")
    if announced.isdigit() and int(announced) > MOST_BYTES:
        return None
    pieces, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError
        piece = message.get("body", b"")
        size += len(piece)
        if size > MOST_BYTES:
            return None
        pieces.append(piece)
        more = message.get("more_body", False)
    return b"".join(pieces)


async def _head_or_end(answer: CallAnswer, receive: Receive) -> None:
    """Wait for the head of an answer; the client that hangs up before has not waited for it."""
    head, end = asyncio.ensure_future(answer), asyncio.ensure_future(receive())
    done, waiting = await asyncio.wait((head, end), return_when=asyncio.FIRST_COMPLETED)
    if end in done and head not in done:
        answer.abandon()
    for task in waiting:
        task.cancel()


async def _send(answer: CallAnswer, send: Send) -> None:
    await answer
    headers = [(name.encode(), value.encode("latin-1")) for name, value in answer.headers.items()]
    if not answer.is_stream:
        body = answer.body
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    with suppress(CutAnswerError):
        async for piece in answer:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    # A response without an end makes the server close the connection: the client sees that its answer is incomplete.
