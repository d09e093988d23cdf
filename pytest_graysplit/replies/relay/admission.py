"""Who may go to a relay that has not yet answered: one request alone, until it is known that the others can succeed."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_graysplit.errors import RelayError

# So many requests that are all forbidden speak of the key, and so many that are not found of the model, and not of
# what each of them asked.
MOST_FORBIDDEN = MOST_NOT_FOUND = 3


class Admission:
    """Lets a model's first request go alone where the relay's list did not vouch for the model.

    A wrong key, an address that is not a relay's and an unknown model are then found out with one request. Without a
    call of `close` everything may go at once.
    """

    def __init__(self) -> None:
        self._closed: set[str] = set()
        self._answered: set[str] = set()
        self._forbidden: Counter[str] = Counter()
        self._not_found: Counter[str] = Counter()
        self._one_at_a_time = asyncio.Lock()
        self._stop: RelayError | None = None

    def close(self, models: Iterable[str]) -> None:
        """Let the first request of each of these models go alone."""
        self._closed.update(models)

    async def enter(self, model: str) -> bool:
        """Wait for the model's turn; True when the request goes alone, and `leave` has to follow it.

        Raises what the request before it has shown that every further one would meet.
        """
        if model not in self._closed:
            return False
        await self._one_at_a_time.acquire()
        if self._stop is None and model in self._closed:
            return True
        self._one_at_a_time.release()
        if self._stop is not None:
            raise self._stop
        return False

    def leave(self, model: str, *, decided: bool, stop: RelayError | None) -> None:
        """Let the next one go: all of the model where it is decided that they can succeed, else one alone again."""
        self._stop = stop
        if decided:
            self._closed.discard(model)
        self._one_at_a_time.release()

    def answered(self, model: str) -> None:
        """Remember that key and model are fine."""
        self._answered.add(model)

    def is_shut_out(self, model: str, *, about_key: bool) -> bool:
        """Count a request that was forbidden; tell whether nothing of this model gets through with this key.

        Where the relay speaks of the key itself, one request is enough.
        """
        self._forbidden[model] += 1
        return model not in self._answered and (about_key or self._forbidden[model] >= MOST_FORBIDDEN)

    def is_unserved(self, model: str, *, about_model: bool) -> bool:
        """Count a request that was not found; tell whether this model alone is not there, while others answer.

        Where the relay speaks of the model itself, one request is enough. A relay may list what it does not serve.
        """
        self._not_found[model] += 1
        alone = bool(self._answered) and model not in self._answered
        return alone and (about_model or self._not_found[model] >= MOST_NOT_FOUND)
