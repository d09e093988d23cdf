"""The path of each route at a relay, and the reader of its answers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_graysplit.config.address import route_url
from pytest_graysplit.replies.relay.embeddings import check_embeddings, read_embedding
from pytest_graysplit.replies.relay.endpoint import target_of
from pytest_graysplit.replies.relay.failures import RelayFailure
from pytest_graysplit.replies.relay.response import read_response
from pytest_graysplit.replies.relay.routes.messages import read_message
from pytest_graysplit.replies.relay.routes.responses import read_response_object

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_graysplit.replies.relay.failures import RawResponse
    from pytest_graysplit.types import Json, Redactor, Reply, Route

PATHS: dict[Route, str] = {
    "chat": "/chat/completions",
    "embeddings": "/embeddings",
    "responses": "/responses",
    "messages": "/messages",
}
_READERS = {"chat": read_response, "responses": read_response_object, "messages": read_message}


def targets_at(base_url: str) -> dict[Route, str]:
    """Return the path and the query of each route, as they are sent in a request."""
    return {route: target_of(route_url(base_url, path)) for route, path in PATHS.items()}


def read_reply(  # noqa: PLR0913 # a response and all that its reader needs, by name
    response: RawResponse,
    route: Route,
    *,
    model: str,
    body: Mapping[str, Json],
    is_refusal: Callable[[str], bool],
    redact: Redactor,
    keeps_answer: bool = False,
) -> Reply | RelayFailure:
    """Read a response on a route into a reply or a failure; `body` is that of the request.

    The metrics embed one text and want its vector. An application (`keeps_answer`) has many texts, and gets the answer
    as it was sent.
    """
    if route == "embeddings":
        read = check_embeddings if keeps_answer else read_embedding
        result = read(response, model=model, sent=body.keys(), redact=redact)
    else:
        result = _READERS[route](response, model=model, sent=body.keys(), is_refusal=is_refusal, redact=redact)
    return replace(result, by_application=keeps_answer) if isinstance(result, RelayFailure) else result
