"""The end of a test body from another thread, for an application that makes request after request."""

from __future__ import annotations

import ctypes
import signal
import threading
from typing import TYPE_CHECKING, Any

from pytest_graysplit.gateway.item_calls import CallLimitError

if TYPE_CHECKING:
    from pytest_graysplit.gateway.item_calls import ItemCalls

# A signal that Python programs do not use, and that is ignored if it comes late. Windows has none.
_SIGNAL: signal.Signals | None = getattr(signal, "SIGURG", None)
_FREE = (signal.SIG_DFL, signal.SIG_IGN)
# A client may be refused a few times before its application gives up by itself.
REFUSED_FIRST = 10


class Interruption:
    """An exception that ends the body of the running test, also while its thread waits for another or for a process.

    In the main thread a signal interrupts every wait. In any other thread, and where there is no signal, the exception
    is raised when the thread runs Python code again.
    """

    def __init__(self) -> None:
        self._calls: ItemCalls | None = None
        self._thread = 0
        self._is_due = False
        self._before: Any = None
        self._handles = False

    def enter(self, calls: ItemCalls) -> None:
        """Be ready to end the body of this item, which this thread runs."""
        self._calls, self._thread, self._is_due = calls, threading.get_ident(), False
        is_main = threading.current_thread() is threading.main_thread()
        if _SIGNAL is not None and is_main and (before := signal.getsignal(_SIGNAL)) in _FREE:
            self._before = before
            signal.signal(_SIGNAL, self._raise)
            self._handles = True

    def leave(self) -> None:
        """Restore the handler of the signal."""
        self._calls, self._is_due = None, False
        if self._handles and _SIGNAL is not None:
            self._handles = False
            if signal.getsignal(_SIGNAL) == self._raise:
                signal.signal(_SIGNAL, self._before)

    def refused(self, calls: ItemCalls) -> None:
        """End the body if its application goes on after some refused requests."""
        if calls is not self._calls or calls.is_settled or calls.refused % REFUSED_FIRST:
            return
        self._is_due = True
        if self._handles and _SIGNAL is not None:
            signal.pthread_kill(self._thread, _SIGNAL)
        else:
            thread = ctypes.c_ulong(self._thread)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(CallLimitError))

    def _raise(self, *_: object) -> None:
        calls = self._calls
        if self._is_due and calls is not None and not calls.is_settled:
            self._is_due = False
            raise CallLimitError(f"more than {calls.run.max_calls} requests in one test")
