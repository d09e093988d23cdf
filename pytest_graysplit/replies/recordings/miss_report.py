"""Why a reply was not found: the nearest recording, and what differs from it."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING

from pytest_graysplit.replies.fingerprint import canonical
from pytest_graysplit.replies.recordings.differences import differences

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_graysplit.replies.recordings.recording_file import Shelf
    from pytest_graysplit.types import Json, ReplyKey

# A run without recordings misses thousands of times, and nobody reads that many neighbours.
SEARCHES = 50


class Neighbours:
    """The replies of one file by case and by request, to find those near a key that is not among them."""

    def __init__(self, shelf: Shelf) -> None:
        """Sort the keys of the file into neighbourhoods."""
        self._shelf = shelf
        self._searches_left = SEARCHES
        self._by_case: dict[str, list[ReplyKey]] = defaultdict(list)
        self._by_request: dict[str, list[ReplyKey]] = defaultdict(list)
        for key in shelf.replies:
            self._by_case[key.case].append(key)
            self._by_request[key.request].append(key)

    def explain(self, key: ReplyKey, asked: Mapping[str, Json]) -> Iterator[str]:
        """Yield lines that tell the nearest recording, and what differs from it."""
        if not self._shelf.replies:
            yield f"{self._shelf.where} holds no replies"
        elif near := self._nearest(key, asked):
            yield f"{self._shelf.where} has one that differs:"
            yield from (f"  {line}" for line in self._told(near, key, asked))

    def _nearest(self, key: ReplyKey, asked: Mapping[str, Json]) -> ReplyKey | None:
        near = self._by_request.get(key.request) or self._by_case.get(key.case) or self._alike(asked)

        def alike(known: ReplyKey) -> tuple[bool, bool, bool]:
            return known.model == key.model, known.sample == key.sample, known.case == key.case

        return max(near, key=alike, default=None)

    def _alike(self, asked: Mapping[str, Json]) -> list[ReplyKey]:
        """Find the request that reads most like the one asked: a case that was renamed and edited at once."""
        from rapidfuzz import process
        from rapidfuzz.distance import Indel

        if self._searches_left == 0:
            return []
        self._searches_left -= 1
        texts = {name: self._shelf.lines[at].decode(errors="replace") for name, at in self._shelf.requests.items()}
        wanted = canonical(asked).decode()
        best = process.extractOne(wanted, texts, scorer=Indel.normalized_similarity, score_cutoff=0.6)
        return self._by_request.get(best[2], []) if best else []

    def _told(self, near: ReplyKey, key: ReplyKey, asked: Mapping[str, Json]) -> Iterator[str]:
        if near.case != key.case:
            yield f"case: {near.case!r} -> {key.case!r}"
        if near.model != key.model:
            yield f"model: {near.model} -> {key.model}"
        if near.request != key.request:
            yield from self._changed(near.request, asked)
        elif near.sample != key.sample:
            yield f"sample: {near.sample} -> {key.sample}"

    def _changed(self, request: str, asked: Mapping[str, Json]) -> Iterator[str]:
        stored = self._shelf.body(request)
        if stored is None:
            yield "the request (what was asked then is not in the file)"
        else:
            yield from differences(stored, json.loads(canonical(asked)))
