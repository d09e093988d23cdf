"""Admission of the first requests: one goes alone until it is known that the others can succeed."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_graysplit.errors import RelayError

# This many forbidden requests point to the key, and this many that are not found to the model. Fewer may be due to the
# content of each request.
MOST_FORBIDDEN = MOST_NOT_FOUND = 3


class Admission:
    """The order of first requests: a model that the relay does not list begins with a single request.

    One request then shows a wrong key, an address without a relay, or an unknown model. Without a call of `close`, all
    requests may be sent at once.
    """

    def __init__(self) -> None:
        self._closed: set[str] = set()
        self._answered: set[str] = set()
        self._answered_arms: set[str] = set()
        self._forbidden: Counter[str] = Counter()
        self._not_found: Counter[str] = Counter()
        self._one_at_a_time = asyncio.Lock()
        self._stop: RelayError | None = None

    def close(self, models: Iterable[str]) -> None:
        """Send the first request of each of these models alone."""
        self._closed.update(models)

    async def enter(self, model: str) -> bool:
        """Wait for the model's turn; True when the request goes alone, and `leave` has to follow it.

        Raises the error that every further request would meet too, as the request before it has shown.
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
        """Admit the next request: all of the model where they can succeed, else one alone again."""
        self._stop = stop
        if decided:
            self._closed.discard(model)
        self._one_at_a_time.release()

    def answered(self, model: str, arm: str = "") -> None:
        """Remember that the relay accepts the key, the model and the parameters of the arm."""
        self._answered.add(model)
        self._answered_arms.add(arm)

    def has_answered(self, arm: str) -> bool:
        """Tell whether a request of the arm was answered."""
        return arm in self._answered_arms

    def is_shut_out(self, model: str, *, about_key: bool) -> bool:
        """Count a forbidden request; tell whether the relay forbids the model altogether with this key.

        One request is enough where the error mentions the key itself.
        """
        self._forbidden[model] += 1
        return model not in self._answered and (about_key or self._forbidden[model] >= MOST_FORBIDDEN)

    def is_unserved(self, model: str, *, about_model: bool) -> bool:
        """Count a request that was not found; tell whether the model is missing while other models answer.

        One request is enough where the error mentions the model itself. A relay may list a model that it does not
        serve.
        """
        self._not_found[model] += 1
        alone = bool(self._answered) and model not in self._answered
        return alone and (about_model or self._not_found[model] >= MOST_NOT_FOUND)
