"""Why a reply was not found: the nearest recording, and what differs from it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_graysplit.fingerprint import canonical
from pytest_graysplit.recordings.differences import differences

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_graysplit.recordings.shelf import Shelf
    from pytest_graysplit.types import Json, ReplyKey


def explain(shelf: Shelf, key: ReplyKey, asked: Mapping[str, Json], *, search: bool) -> Iterator[str]:
    """Yield lines that tell the nearest recording and what differs; `search` also looks among the other cases."""
    if not shelf.replies:
        yield f"{shelf.where} holds no replies"
    elif near := _nearest(shelf, key, asked, search=search):
        yield f"{shelf.where} has one that differs:"
        yield from (f"  {line}" for line in _told(shelf, near, key, asked))


def _nearest(shelf: Shelf, key: ReplyKey, asked: Mapping[str, Json], *, search: bool) -> ReplyKey | None:
    near = _same_request(shelf, key) or _same_case(shelf, key)
    return _alike(shelf, key, asked) if near is None and search else near


def _same_request(shelf: Shelf, key: ReplyKey) -> ReplyKey | None:
    """Find the request with another model or sample: nothing was edited, one more reply is wanted."""
    near = [known for known in shelf.replies if known.request == key.request]
    return max(near, key=lambda known: (known.model == key.model, known.case == key.case, known), default=None)


def _same_case(shelf: Shelf, key: ReplyKey) -> ReplyKey | None:
    """Find the case with another request: its prompt or its parameters were edited."""
    near = [known for known in shelf.replies if known.case == key.case]
    return max(near, key=lambda known: (known.model == key.model, known.sample == key.sample, known), default=None)


def _alike(shelf: Shelf, key: ReplyKey, asked: Mapping[str, Json]) -> ReplyKey | None:
    """Find the request that reads most like the one asked: a case that was renamed and edited at once."""
    from rapidfuzz import process
    from rapidfuzz.distance import Indel

    texts = {request: shelf.lines[at].decode(errors="replace") for request, at in shelf.requests.items()}
    wanted = canonical(asked).decode(errors="replace")
    best = process.extractOne(wanted, texts, scorer=Indel.normalized_similarity, score_cutoff=0.6)
    return _same_request(shelf, key._replace(request=best[2])) if best else None


def _told(shelf: Shelf, near: ReplyKey, key: ReplyKey, asked: Mapping[str, Json]) -> Iterator[str]:
    if near.case != key.case:
        yield f"case: {near.case!r} -> {key.case!r}"
    if near.model != key.model:
        yield f"model: {near.model} -> {key.model}"
    if near.request != key.request:
        stored = shelf.body(near.request)
        if stored is None:
            yield "the request (what was asked then is not in the file)"
        else:
            yield from differences(stored, json.loads(canonical(asked)))
    elif near.sample != key.sample:
        yield f"sample: {near.sample} -> {key.sample}"
