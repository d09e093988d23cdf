"""The client for code that does not await: it runs a SplitClient in an event loop of its own."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from anyio.from_thread import start_blocking_portal

from pytest_graysplit.traffic.client.reply import client_closed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from anyio.from_thread import BlockingPortal

    from pytest_graysplit.traffic.client.client import SplitClient
    from pytest_graysplit.traffic.client.reply import SplitReply
    from pytest_graysplit.traffic.monitor.monitor import Monitor
    from pytest_graysplit.traffic.splitter import TrafficSplitter, Unit
    from pytest_graysplit.types import Json, Message


class SyncSplitClient:
    """A `SplitClient` whose calls block: `with SyncSplitClient(SplitClient(...)) as client`; threads may share it."""

    def __init__(self, client: SplitClient) -> None:
        self._client = client
        self._open = ExitStack()
        self._portal: BlockingPortal | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            portal = stack.enter_context(start_blocking_portal(name="graysplit-client"))
            stack.enter_context(portal.wrap_async_context_manager(self._client))
            self._open = stack.pop_all()
        self._portal = portal
        return self

    def __exit__(self, *exc: object) -> None:
        self._portal = None
        self._open.close()

    @property
    def monitor(self) -> Monitor:
        """The monitor that counts the requests."""
        return self._client.monitor

    def chat(
        self, messages: Sequence[Message], *, unit: Unit = None, force: str | None = None, **params: Json
    ) -> SplitReply:
        """Ask the model of the unit's arm and wait for the reply; see `SplitClient.chat`."""
        return self._portal_or_error().call(partial(self._client.chat, messages, unit=unit, force=force, **params))

    def warm_up(self) -> tuple[str, ...]:
        """Check address, key and models, and open connections; see `SplitClient.warm_up`."""
        return self._portal_or_error().call(self._client.warm_up)

    def feedback(self, request_id: str, score: float, *, before: float | None = None) -> None:
        """Count and log a user's score of the answer with this id, from 0 to 1; see `Monitor.feedback`."""
        self._client.feedback(request_id, score, before=before)

    def signal(self, unit: Unit, name: str, value: float = 1.0, *, before: float | None = None) -> None:
        """Count and log a signal of a unit, such as a ticket, from 0 to 1; see `Monitor.signal`."""
        self._client.signal(unit, name, value, before=before)

    def use(self, splitter: TrafficSplitter) -> None:
        """Split by other weights from now on."""
        self._client.use(splitter)

    def _portal_or_error(self) -> BlockingPortal:
        if self._portal is None:
            raise client_closed()
        return self._portal
