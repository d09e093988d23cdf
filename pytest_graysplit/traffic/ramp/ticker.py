"""A thread that does a small piece of work every few seconds."""

from __future__ import annotations

import logging
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_logger = logging.getLogger("pytest_graysplit")


class Ticker:
    """A daemon thread that calls `work` every so many seconds and outlives each of its errors.

    An error is logged once, and again after `work` has succeeded in between. The event loop and the requests never wait
    for the thread.
    """

    def __init__(self, name: str, work: Callable[[], object], *, every_s: float) -> None:
        self._name = name
        self._work = work
        self._every_s = every_s
        self._done = Event()
        self._failed = False

    def start(self) -> None:
        """Start the thread; without a free thread a warning is logged, and the work is not done."""
        self._done = Event()
        thread = Thread(target=self._run, args=(self._done,), name=f"graysplit-{self._name}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            _logger.warning("graysplit: %s does not run, no thread can be started: %s", self._name, error)

    def stop(self) -> None:
        """End the thread after the work that it is doing; does not wait for it."""
        self._done.set()

    def tick(self) -> None:
        """Do the work once; never raises."""
        try:
            self._work()
            self._failed = False
        except Exception:
            if not self._failed:
                _logger.exception("graysplit: %s failed and will be tried again", self._name)
            self._failed = True

    def _run(self, done: Event) -> None:
        while not done.wait(self._every_s):
            self.tick()
