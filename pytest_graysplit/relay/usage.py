"""Tokens and cost as relays spell them, brought to one form."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from pytest_graysplit.pricing import is_plausible_cost
from pytest_graysplit.types import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_graysplit.types import Json


def read_usage(usage: Json) -> Usage | None:
    """Bring the spellings of token counts to one; None when the relay counted nothing."""
    if not isinstance(usage, dict):
        return None
    cached, written = _cached(usage)
    prompt = _prompt(usage, cached + written)
    completion, total = _count(usage, "completion_tokens", "output_tokens"), _count(usage, "total_tokens")
    details = {**object_of(usage.get("output_tokens_details")), **object_of(usage.get("completion_tokens_details"))}
    if not prompt + completion + total:
        return None
    return Usage(
        prompt=prompt,
        completion=completion,
        cached=min(cached, prompt),
        cache_write=min(written, prompt),
        reasoning=_count(details, "reasoning_tokens") or _count(usage, "reasoning_tokens"),
        total=total or prompt + completion,
    )


def read_cost(payload: Mapping[str, Json], headers: Mapping[str, str]) -> Decimal | None:
    """Return the cost that the relay reports for an answer, in USD, where it reports one."""
    for value in (object_of(payload.get("usage")).get("cost"), headers.get("x-litellm-response-cost")):
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            continue
        try:
            cost = Decimal(str(value).strip())
        except InvalidOperation:
            continue
        if is_plausible_cost(cost):
            return cost
    return None


def object_of(value: Json) -> Mapping[str, Json]:
    """Return a JSON object, empty where there is none."""
    return value if isinstance(value, dict) else {}


def _cached(usage: Mapping[str, Json]) -> tuple[int, int]:
    details = {**object_of(usage.get("input_tokens_details")), **object_of(usage.get("prompt_tokens_details"))}
    read = _count(details, "cached_tokens") or _count(usage, "prompt_cache_hit_tokens", "cache_read_input_tokens")
    written = _count(details, "cache_write_tokens", "cache_creation_tokens")
    return read, written or _count(usage, "cache_creation_input_tokens")


def _prompt(usage: Mapping[str, Json], cached: int) -> int:
    # Who counts `input_tokens` beside `cache_read_input_tokens` leaves the cached ones out of it.
    beside = "prompt_tokens" not in usage and not usage.keys().isdisjoint(
        {"cache_read_input_tokens", "cache_creation_input_tokens"}
    )
    return _count(usage, "prompt_tokens", "input_tokens") + (cached if beside else 0)


def _count(table: Mapping[str, Json], *names: str) -> int:
    for name in names:
        value = table.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e15:
            return int(value)
    return 0
