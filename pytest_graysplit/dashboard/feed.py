"""What open pages are sent: the snapshot, once for all of them, and told apart from the one before."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_graysplit.escaping import unhidden

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_graysplit.dashboard.source import Source
    from pytest_graysplit.types import Json

PERIOD_S = 0.5
# A clock that goes on is no news; the page lets its own go on.
CLOCKS = ("at", "elapsed_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A snapshot as text; `version` grows with each change, and after one that `ended` nothing more comes."""

    version: int
    text: str
    ended: bool


class Feed:
    """Reads the source at most once in half a second, however many pages are open; safe under threads."""

    def __init__(self, source: Source, clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._clock = clock
        self._lock = threading.Lock()
        self._read_at = -PERIOD_S
        self._news: dict[str, Json] = {}
        self._frame = Frame(version=0, text="", ended=False)

    def read(self, *, fresh: bool = False) -> Frame:
        """Return the state of at most half a second ago, or with `fresh` that of now."""
        with self._lock:
            if fresh or self._clock() - self._read_at >= PERIOD_S:
                self._take(self._source.snapshot())
                self._read_at = self._clock()
            return self._frame

    def _take(self, snapshot: dict[str, Json]) -> None:
        news = {key: value for key, value in snapshot.items() if key not in CLOCKS}
        if news != self._news or not self._frame.version:
            self._news = news
            self._frame = Frame(
                version=self._frame.version + 1, text=as_text(snapshot), ended=snapshot["state"] == "ended"
            )


def as_text(value: Json) -> str:
    """Write JSON on one line of plain ASCII, its texts as a page shows them; NaN is an error of the source."""
    return json.dumps(_shown(value), allow_nan=False, separators=(",", ":"))


def _shown(value: Json) -> Json:
    """Spell out what a browser would obey or hide, such as a turn of the direction of writing."""
    if isinstance(value, str):
        return unhidden(value)
    if isinstance(value, list):
        return [_shown(one) for one in value]
    if isinstance(value, dict):
        return {unhidden(key): _shown(one) for key, one in value.items()}
    return value
