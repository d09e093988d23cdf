"""Whether a service with live traffic is ready for requests, from counters in memory: no check waits for anything."""

from __future__ import annotations

import logging
import time
from threading import Lock
from typing import TYPE_CHECKING, Literal, TypeAlias
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# The parts that can fail, as `/readyz` names them to everybody; they tell nothing about models or traffic.
Part: TypeAlias = Literal["client", "log", "control", "application"]
# A log counts as unwritable for this time after the last line that was lost.
RECENT_S = 30.0
# The wait for the check of the application while another request runs it.
CHECK_WAIT_S = 1.0
_logger = logging.getLogger("pytest_graysplit")


def _never() -> bool:
    return False


class ClientHealth:
    """The health of one client: whether it is open, its log takes lines, and the control is not cut off.

    `lost` returns the number of lines that the log has lost so far, and `clock` seconds.
    """

    def __init__(
        self,
        is_open: Callable[[], bool],
        lost: Callable[[], int],
        *,
        is_control_cut_off: Callable[[], bool] = _never,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.is_open = is_open
        self._lost = lost
        self._is_control_cut_off = is_control_cut_off
        self._clock = clock
        self._lock = Lock()
        self._seen = 0
        self._latest_s: float | None = None

    def failing(self) -> Iterator[Part]:
        """Yield the parts of an open client that fail."""
        if self._loses_lines():
            yield "log"
        if self._is_control_cut_off():
            yield "control"

    def _loses_lines(self) -> bool:
        lost, now_s = self._lost(), self._clock()
        with self._lock:
            if lost > self._seen:
                self._seen, self._latest_s = lost, now_s
            return self._latest_s is not None and now_s - self._latest_s < RECENT_S


class Readiness:
    """The health of all clients of a monitor; a monitor without a client, which another client feeds, is ready."""

    def __init__(self) -> None:
        self._clients: WeakSet[ClientHealth] = WeakSet()
        self._lock = Lock()

    def add(self, health: ClientHealth) -> ClientHealth:
        """Watch a client for as long as its health is referenced, and return the health."""
        with self._lock:
            self._clients.add(health)
        return health

    def failing(self) -> tuple[Part, ...]:
        """Return the parts that fail: "client" if no client is open, else those of the open clients."""
        with self._lock:
            clients = list(self._clients)
        is_open = [client for client in clients if client.is_open()]
        if clients and not is_open:
            return ("client",)
        return tuple(sorted({part for client in is_open for part in client.failing()}))


class OwnCheck:
    """A check of the application, which is ready if it returns a true value; one that hangs holds only one thread."""

    def __init__(self, check: Callable[[], object]) -> None:
        self._check = check
        self._running = Lock()
        self._is_reported = False

    def failing(self) -> tuple[Part, ...]:
        """Return "application" unless the check returns a true value; also if it raises or is still running."""
        if not self._running.acquire(timeout=CHECK_WAIT_S):
            return ("application",)
        try:
            return () if self._check() else ("application",)
        except Exception:
            if not self._is_reported:
                _logger.exception("graysplit: the check ready= failed; the service is not ready while it fails")
            self._is_reported = True
            return ("application",)
        finally:
            self._running.release()
