"""Readers of `/embeddings` responses: a reply whose text is the vector, one without a text, or the failure."""

from __future__ import annotations

import base64
import math
import struct
from typing import TYPE_CHECKING

from pytest_graysplit.errors import Slug
from pytest_graysplit.replies.relay.answer import holds_no, name_of, objects_of, read_payload
from pytest_graysplit.replies.relay.usage import read_cost, read_usage
from pytest_graysplit.replies.relay.vectors import pack
from pytest_graysplit.types import Reply

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pytest_graysplit.replies.relay.failures import RawResponse, RelayFailure
    from pytest_graysplit.types import Json, Redactor


def read_embedding(
    response: RawResponse, *, model: str, sent: Collection[str], redact: Redactor
) -> Reply | RelayFailure:
    """Read the response for one text; its numbers are a list, or base64 of 32 bits each.

    The reply has the vector in the form that a recording stores, so that a live run and its replay get the same score.
    """
    payload = read_payload(response, model=model, sent=sent, redact=redact)
    if not isinstance(payload, dict):
        return payload
    vector = _vector(payload)
    return _reply(response, payload, model, pack(vector)) if vector else _no_embedding(response, payload)


def check_embeddings(
    response: RawResponse, *, model: str, sent: Collection[str], redact: Redactor
) -> Reply | RelayFailure:
    """Read the response for any number of texts of an application; the reply has no text.

    The application gets the vectors as the server sent them, so only their presence is checked.
    """
    payload = read_payload(response, model=model, sent=sent, redact=redact)
    if not isinstance(payload, dict):
        return payload
    rows = objects_of(payload.get("data"))
    is_whole = bool(rows) and all(row.get("embedding") for row in rows)
    return _reply(response, payload, model, "") if is_whole else _no_embedding(response, payload)


def _reply(response: RawResponse, payload: dict[str, Json], model: str, text: str) -> Reply:
    return Reply(
        model=model,
        outcome="ok",
        text=text,
        served_model=name_of(payload.get("model")),
        usage=read_usage(payload.get("usage")),
        reported_cost_usd=read_cost(payload, response.headers),
        response_id=name_of(payload.get("id")),
    )


def _no_embedding(response: RawResponse, payload: dict[str, Json]) -> RelayFailure:
    return holds_no("embedding", response, payload, Slug.RELAY_NO_EMBEDDING)


def _vector(payload: dict[str, Json]) -> Sequence[float]:
    rows = payload.get("data")
    first = rows[0] if isinstance(rows, list) and rows else None
    numbers = first.get("embedding") if isinstance(first, dict) else None
    if isinstance(numbers, str):
        return _finite(_decoded(numbers))
    if isinstance(numbers, list):
        return _finite([float(one) for one in numbers if isinstance(one, int | float)], whole=len(numbers))
    return ()


def _finite(vector: Sequence[float], whole: int | None = None) -> Sequence[float]:
    """Return the vector, or nothing where a part of it is not a number: the rest would have another direction."""
    return vector if len(vector) == (whole or len(vector)) and all(map(math.isfinite, vector)) else ()


def _decoded(text: str) -> Sequence[float]:
    try:
        data = base64.b64decode(text, validate=True)
        return struct.unpack(f"<{len(data) // 4}f", data)
    except (ValueError, struct.error):
        return ()
