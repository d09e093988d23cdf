"""The snapshot as all open pages receive it: read once for all of them, with a version that grows with each change."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pytest_graysplit.formatting.escaping import unhidden
from pytest_graysplit.reporting.dashboard.page_text import page_texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_graysplit.types import Json

PERIOD_S = 0.5
# Ignored when snapshots are compared: the page counts the elapsed time itself.
CLOCKS = ("at", "elapsed_s")


class Source(Protocol):
    """Anything that the page can show; docs/dashboard.md has the JSON of both answers."""

    def snapshot(self) -> dict[str, Json]:
        """Return the current state; called from any thread, up to twice a second."""
        ...

    def case(self, case_id: str) -> dict[str, Json] | None:
        """Return one case with its answers, or None for an unknown id."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionedSnapshot:
    """A snapshot and the page's texts as JSON; `version` grows with each change, and an `ended` one is the last."""

    version: int
    text: str
    ended: bool


class SnapshotCache:
    """The latest snapshot of a source, read at most every half second for any number of pages; thread-safe."""

    def __init__(self, source: Source, clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._clock = clock
        self._lock = threading.Lock()
        self._read_at = -PERIOD_S
        self._compared: dict[str, Json] = {}
        self._latest = VersionedSnapshot(version=0, text="", ended=False)

    def read(self, *, fresh: bool = False) -> VersionedSnapshot:
        """Return a snapshot that is at most half a second old; with `fresh`, ask the source now."""
        with self._lock:
            if fresh or self._clock() - self._read_at >= PERIOD_S:
                self._update(self._source.snapshot())
                self._read_at = self._clock()
            return self._latest

    def _update(self, snapshot: dict[str, Json]) -> None:
        compared = {key: value for key, value in snapshot.items() if key not in CLOCKS}
        if compared != self._compared or not self._latest.version:
            self._compared = compared
            self._latest = VersionedSnapshot(
                version=self._latest.version + 1,
                text=as_text({**snapshot, "page": page_texts(snapshot)}),
                ended=snapshot["state"] == "ended",
            )


def as_text(value: Json) -> str:
    """Write JSON on one line of plain ASCII, hidden characters spelled out; raise ValueError for NaN and infinity."""
    return json.dumps(_without_hidden(value), allow_nan=False, separators=(",", ":"))


def _without_hidden(value: Json) -> Json:
    """Spell out characters that a browser obeys or hides, such as those that turn the direction of writing."""
    if isinstance(value, str):
        return unhidden(value)
    if isinstance(value, list):
        return [_without_hidden(one) for one in value]
    if isinstance(value, dict):
        return {unhidden(key): _without_hidden(one) for key, one in value.items()}
    return value
