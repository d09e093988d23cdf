"""Joins what fetches replies: relay, recordings, journal and prices, as the settings of one run say."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pytest_graysplit.replies.fetcher import ReplyFetcher
from pytest_graysplit.replies.fingerprint import redactor
from pytest_graysplit.replies.recordings import Journal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pytest_graysplit.config.settings import Settings
    from pytest_graysplit.replies.fetcher import Address
    from pytest_graysplit.replies.pricing import PriceTable
    from pytest_graysplit.replies.recordings import Recordings
    from pytest_graysplit.replies.relay.client import Relay
    from pytest_graysplit.replies.relay.cost_guard import CostGuard
    from pytest_graysplit.types import Redactor, Route


def build_fetcher(  # noqa: PLR0913 # each by name
    settings: Settings,
    root: Path,
    *,
    run_id: str,
    recordings: Recordings,
    redact_for: Callable[[Path], Redactor],
    prices: PriceTable,
    command: str,
    fresh: frozenset[Address],
    asked_models: Callable[[], Mapping[str, Route]],
    cost_guard_for: Callable[[Settings], CostGuard] | None = None,
) -> ReplyFetcher:
    """Return a fetcher for the settings; there is a journal only where something may be recorded.

    `redact_for` gives the redactor of a recording file, and `cost_guard_for` limits the cost where there is a cap.
    """
    mode = settings.record
    journal = Journal(root, mode=mode, run_id=run_id, redact_for=redact_for)
    return ReplyFetcher(
        settings,
        recordings=recordings,
        journal=journal if mode in ("new", "all") else None,
        open_relay=partial(_open_relay, settings, cost_guard_for),
        prices=prices,
        clean=redactor(settings.secrets),
        command=command,
        fresh=fresh,
        asked_models=asked_models,
    )


def _open_relay(settings: Settings, cost_guard_for: Callable[[Settings], CostGuard] | None) -> Relay:
    from pytest_graysplit.replies.refusals import is_refusal
    from pytest_graysplit.replies.relay.client import Relay  # brings httpx, which a replay does not need

    return Relay(settings, is_refusal=is_refusal, cost_guard=cost_guard_for(settings) if cost_guard_for else None)
