"""The relays of the client, one per endpoint."""

from __future__ import annotations

import asyncio
from threading import Lock
from typing import TYPE_CHECKING

from pytest_graysplit.replies.refusals import is_refusal
from pytest_graysplit.replies.relay.client import Relay
from pytest_graysplit.traffic.client.reply import client_closed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_graysplit.config.arms import Arm
    from pytest_graysplit.config.settings import Settings


class Endpoints:
    """The relays of a client: requests with one address and one key share connections, limits and retries.

    A relay is made by `add` and opened by its first request, because `add` may be called from another thread than that
    of the client's event loop.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._relays: dict[tuple[str, str], Relay] = {}
        self._opened: set[tuple[str, str]] = set()
        self._lock = Lock()

    def add(self, arms: Iterable[Arm]) -> None:
        """Make the relays that these arms need and that are missing; raise RelayError for invalid proxy settings."""
        with self._lock:
            missing = {arm.access.endpoint: arm.access for arm in arms if arm.access.endpoint not in self._relays}
            # All of them or none: a client that could not be opened must not look open.
            self._relays |= {
                endpoint: Relay(self._settings, is_refusal=is_refusal, access=access)
                for endpoint, access in missing.items()
            }

    async def relay_of(self, arm: Arm) -> Relay:
        """Return the open relay of an arm; raise UsageError if the client is closed."""
        endpoint = arm.access.endpoint
        relay = self._relays.get(endpoint)
        if relay is None:
            raise client_closed()
        if endpoint not in self._opened:
            self._opened.add(endpoint)
            await relay.__aenter__()
        return relay

    async def warm_up(self, arms: Iterable[Arm]) -> tuple[str, ...]:
        """Check every endpoint and open its connections; return the warnings, with the address if there are several.

        Raises the RelayError of the first arm whose endpoint does not answer, after the others are warm.
        """
        by_endpoint: dict[tuple[str, str], list[Arm]] = {}
        for arm in arms:
            by_endpoint.setdefault(arm.access.endpoint, []).append(arm)
        groups = list(by_endpoint.values())
        found = await asyncio.gather(*map(self._warm_up, groups), return_exceptions=True)
        for result in found:
            if isinstance(result, BaseException):
                raise result
        every = [
            f"{group[0].access.shown}: {warning}" if len(groups) > 1 else warning
            for group, result in zip(groups, found, strict=True)
            if not isinstance(result, BaseException)
            for warning in result
        ]
        return tuple(dict.fromkeys(every))

    async def _warm_up(self, arms: Sequence[Arm]) -> tuple[str, ...]:
        relay = await self.relay_of(arms[0])
        warnings = await relay.preflight(list(dict.fromkeys(arm.model for arm in arms)), first_alone=False)
        await relay.open_ahead()
        return warnings

    async def close(self) -> None:
        """Close all connections; further requests find the client closed."""
        relays, self._relays, self._opened = self._relays, {}, set()
        for relay in relays.values():
            await relay.__aexit__()
