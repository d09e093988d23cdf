"""The requests of a client that are still without an answer, which a client that closes waits for."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

from pytest_graysplit.formatting.display import listed, plural
from pytest_graysplit.traffic.client.reply import client_closed

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import TypeVar

    T = TypeVar("T")

# The longest wait of a client that closes; servers give their workers some 30 seconds to end.
CLOSE_S = 10.0
_logger = logging.getLogger("pytest_graysplit")


class InFlight:
    """The requests in flight by arm, between the opening and the closing of a client; used in one event loop."""

    def __init__(self) -> None:
        self._arms: Counter[str] = Counter()
        self._closing = False
        self._none_left = asyncio.Event()

    def require_open(self) -> None:
        """Raise UsageError if the client closes or is closed."""
        if self._closing:
            raise client_closed()

    async def track(self, arm: str, work: Coroutine[Any, Any, T]) -> T:
        """Await a request of the arm."""
        self._arms[arm] += 1
        try:
            return await work
        finally:
            self._arms[arm] -= 1
            if self._closing and not self._arms.total():
                self._none_left.set()

    async def end(self) -> None:
        """Refuse further requests and wait for those in flight; log which are left if that takes too long."""
        self._closing = True
        if not self._arms.total():
            return
        try:
            await asyncio.wait_for(self._none_left.wait(), CLOSE_S)
        except TimeoutError:
            left = listed([f"{count} of {arm}" for arm, count in self._arms.items() if count])
            _logger.warning(
                "graysplit: the client was closed with %s in flight after %g s (%s); they fail and are counted",
                plural(self._arms.total(), "request"),
                CLOSE_S,
                left,
            )
