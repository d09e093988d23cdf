"""The report on a missing reply: the nearest recording, and how it differs."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING

from pytest_graysplit.replies.fingerprint import canonical

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_graysplit.replies.recordings.recording_file import RecordingFile
    from pytest_graysplit.types import Json, ReplyKey

# A run without recordings has thousands of misses, and this many reports are enough.
SEARCHES = 50
MOST_LINES = 6
# Letters: the longest text shown whole, those around a change, and the most of a change.
SHORT = 60
CONTEXT = 24
SHOWN = 120
# Letters of a field that are compared to find the nearest call.
COMPARED = 400


class NearestRecordings:
    """The replies of one file by case and by request, to find those near a key that is missing."""

    def __init__(self, recording: RecordingFile) -> None:
        """Index the keys of the file."""
        self._recording = recording
        self._searches_left = SEARCHES
        self._by_case: dict[str, list[ReplyKey]] = defaultdict(list)
        self._by_request: dict[str, list[ReplyKey]] = defaultdict(list)
        for key in recording.replies:
            self._by_case[key.case].append(key)
            self._by_request[key.request].append(key)

    def explain(self, key: ReplyKey, requested: Mapping[str, Json], *, is_call: bool = False) -> Iterator[str]:
        """Yield lines about the nearest recording, and how it differs; `is_call` is a request of an application."""
        if not self._recording.replies:
            yield f"{self._recording.where} holds no replies"
        elif nearest := self._nearest(key, requested, is_call=is_call):
            yield f"{self._recording.where} has one that differs{self._number(nearest) if is_call else ''}:"
            yield from (f"  {line}" for line in self._described(nearest, key, requested))

    def has_request(self, key: ReplyKey) -> bool:
        """Tell whether the request of a key is recorded, under any name and for any model."""
        return key.request in self._by_request

    def _nearest(self, key: ReplyKey, requested: Mapping[str, Json], *, is_call: bool) -> ReplyKey | None:
        nearest = self._by_request.get(key.request) or self._by_case.get(key.case) or self._similar(requested)
        overlaps = self._overlaps(nearest, requested) if is_call else {}

        def similarity(known: ReplyKey) -> tuple[float, ...]:
            near = known.model == key.model, known.arm == key.arm, known.sample == key.sample, known.case == key.case
            return *near, overlaps.get(known.request, 0.0), -abs(known.call - key.call)

        return max(nearest, key=similarity, default=None)

    def _overlaps(self, keys: Sequence[ReplyKey], requested: Mapping[str, Json]) -> dict[str, float]:
        """Return the share of fields that each recorded request has in common with this one.

        The calls of one run repeat the messages before them, so a comparison of the texts would take much longer.
        """
        from rapidfuzz.distance import Indel

        fields, overlaps = dict(_leaves(json.loads(canonical(requested)))), {}
        for request in {key.request for key in keys}:
            known = dict(_leaves(self._recording.body(request) or {}))
            names = known.keys() & fields.keys()
            alike = sum(
                1.0
                if known[name] == fields[name]
                else Indel.normalized_similarity(known[name][:COMPARED], fields[name][:COMPARED])
                for name in names
            )
            overlaps[request] = alike / max(len(known.keys() | fields.keys()), 1)
        return overlaps

    def _number(self, nearest: ReplyKey) -> str:
        """Return the place of a call among those of its run."""
        run = self._recording.run_of(nearest)
        return f", call {run.index(nearest) + 1} of {len(run)}"

    def _similar(self, requested: Mapping[str, Json]) -> list[ReplyKey]:
        """Find the most similar request: a case that was renamed and edited at the same time."""
        from rapidfuzz import process
        from rapidfuzz.distance import Indel

        if self._searches_left == 0:
            return []
        self._searches_left -= 1
        texts = {
            name: self._recording.lines[at].decode(errors="replace") for name, at in self._recording.requests.items()
        }
        target = canonical(requested).decode()
        best = process.extractOne(target, texts, scorer=Indel.normalized_similarity, score_cutoff=0.6)
        return self._by_request.get(best[2], []) if best else []

    def _described(self, nearest: ReplyKey, key: ReplyKey, requested: Mapping[str, Json]) -> Iterator[str]:
        if nearest.case != key.case:
            yield f"case: {nearest.case!r} -> {key.case!r}"
        if nearest.model != key.model:
            yield f"model: {nearest.model} -> {key.model}"
        if nearest.arm != key.arm:
            yield f"arm: {nearest.arm or nearest.model} -> {key.arm or key.model}"
        if nearest.request != key.request:
            yield from self._changed(nearest.request, requested)
        elif nearest.sample != key.sample:
            yield f"sample: {nearest.sample} -> {key.sample}"
        elif nearest[:-1] == key[:-1]:
            yield f"the same request is recorded {nearest.call + 1} times, and this is number {key.call + 1}"

    def _changed(self, request: str, requested: Mapping[str, Json]) -> Iterator[str]:
        stored = self._recording.body(request)
        if stored is None:
            yield "the request (the recorded one is not in the file)"
        else:
            yield from differences(stored, json.loads(canonical(requested)))


def differences(before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[str]:
    """Yield a line for each field that differs, up to a maximum.

    >>> list(differences({"seed": 42, "top_p": 1}, {"seed": 43, "top_p": 1}))
    ['seed: 42 -> 43']
    """
    old, new = dict(_leaves(before)), dict(_leaves(after))
    changed = [name for name in {**old, **new} if name not in old or name not in new or old[name] != new[name]]
    for name in changed[:MOST_LINES]:
        yield f"{name}: {_change(old.get(name), new.get(name))}"
    if len(changed) > MOST_LINES:
        yield f"and {len(changed) - MOST_LINES} more"


def _leaves(body: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    for name, value in body.items():
        yield from _fields(name, value)


def _fields(name: str, value: Json) -> Iterator[tuple[str, str]]:
    """Yield every leaf under its path, such as `messages[1].content`, as JSON."""
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from _fields(f"{name}.{key}", part)
    elif isinstance(value, list) and value:
        for number, part in enumerate(value):
            yield from _fields(f"{name}[{number}]", part)
    else:
        yield name, json.dumps(value, ensure_ascii=False)


def _change(old: str | None, new: str | None) -> str:
    if old is None or new is None:
        return f"{_excerpt(old, 0, 0)} -> {_excerpt(new, 0, 0)}"
    start = _common(old, new)
    end = _common(old[start:][::-1], new[start:][::-1])
    return f"{_excerpt(old, start, len(old) - end)} -> {_excerpt(new, start, len(new) - end)}"


def _common(old: str, new: str) -> int:
    """Count the letters of the common beginning."""
    for count, (one, other) in enumerate(zip(old, new, strict=False)):
        if one != other:
            return count
    return min(len(old), len(new))


def _excerpt(text: str | None, start: int, stop: int) -> str:
    """Return the letters from start to stop, with a few words around them."""
    if text is None:
        return "(not sent)"
    if len(text) <= SHORT:
        return text
    first = max(0, start - CONTEXT)
    last = min(len(text), max(stop + CONTEXT, first + SHORT), first + SHOWN)
    # Whole words where there are spaces; some languages have none.
    if first and (space := text.find(" ", first, start)) >= 0:
        first = space + 1
    if last < len(text) and (space := text.rfind(" ", stop, last)) >= 0:
        last = space
    return f"{'... ' if first else ''}{text[first:last]}{' ...' if last < len(text) else ''}"
