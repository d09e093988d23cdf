"""The relays of the client, one per arm, so that no arm can use up the connections or the retries of another."""

from __future__ import annotations

import asyncio
from threading import Lock
from typing import TYPE_CHECKING

from pytest_graysplit.replies.refusals import is_refusal
from pytest_graysplit.replies.relay.client import Relay
from pytest_graysplit.traffic.client.reply import client_closed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_graysplit.config.settings import Settings
    from pytest_graysplit.traffic.client.brakes import Brakes
    from pytest_graysplit.traffic.client.live_arms import LiveArm


class Bulkheads:
    """The relays of a client: each arm has its own connections, limits, pauses, and budget for retries.

    Two arms at one address share nothing here: when the treatment gets 429s, the control goes on. A fallback uses the
    relay of the control. A relay is made by `add` and opened by its first request, because `add` may be called from
    another thread than that of the client's event loop.
    """

    def __init__(self, settings: Settings, brakes: Brakes) -> None:
        self._settings = settings
        self._brakes = brakes
        self._relays: dict[tuple[str, ...], Relay] = {}
        self._opened: set[tuple[str, ...]] = set()
        self._lock = Lock()

    def add(self, arms: Iterable[LiveArm]) -> None:
        """Make the relays that these arms need and that are missing; raise RelayError for invalid proxy settings."""
        with self._lock:
            missing = {live.bulkhead: live for live in arms if live.bulkhead not in self._relays}
            # All of them or none: a client that could not be opened must not look open.
            self._relays |= {bulkhead: self._relay(live) for bulkhead, live in missing.items()}

    def _relay(self, live: LiveArm) -> Relay:
        spend = self._brakes.spend_of(live.name)
        return Relay(self._settings, is_refusal=is_refusal, access=live.arm.access, cost_guard=spend, live=True)

    async def relay_of(self, live: LiveArm) -> Relay:
        """Return the open relay of an arm; raise UsageError if the client is closed."""
        relay = self._relays.get(live.bulkhead)
        if relay is None:
            raise client_closed()
        if live.bulkhead not in self._opened:
            self._opened.add(live.bulkhead)
            await relay.__aenter__()
        return relay

    async def warm_up(self, arms: Sequence[LiveArm]) -> tuple[str, ...]:
        """Check the model of every arm and open its connections; return the warnings, each once.

        If there are several addresses, each warning begins with its own. Raises the RelayError of the first arm whose
        address does not answer, after the others are warm.
        """
        found = await asyncio.gather(*map(self._warm_up, arms), return_exceptions=True)
        for result in found:
            if isinstance(result, BaseException):
                raise result
        several = len({live.arm.access.endpoint for live in arms}) > 1
        every = [
            f"{live.arm.access.shown}: {warning}" if several else warning
            for live, result in zip(arms, found, strict=True)
            if not isinstance(result, BaseException)
            for warning in result
        ]
        return tuple(dict.fromkeys(every))

    async def _warm_up(self, live: LiveArm) -> tuple[str, ...]:
        relay = await self.relay_of(live)
        warnings = await relay.preflight([live.arm.model], first_alone=False)
        await relay.open_ahead()
        return warnings

    async def close(self) -> None:
        """Close all connections; further requests find the client closed."""
        relays, self._relays, self._opened = self._relays, {}, set()
        for relay in relays.values():
            await relay.__aexit__()
