"""Keeps the garbage collector from walking, again and again, over what lives as long as the run."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def long_lived_objects_set_aside() -> Iterator[None]:
    """Exempt what exists now (items, cases, replies) from collection while the tests run, and take it back after.

    With 2,000 cases the collector would otherwise spend a sixth of the session on objects that cannot be garbage.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause collection around a burst of allocations that all stay."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
