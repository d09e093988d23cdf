"""Token counts and costs of all relays, in one form."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.replies.pricing import is_plausible_cost
from pytest_graysplit.types import Usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_graysplit.types import Json

# Anthropic's names for tokens that are read from its cache and written to it.
_READ, _WRITTEN = "cache_read_input_tokens", "cache_creation_input_tokens"
_WRITTEN_IN_DETAIL = ("cache_write_tokens", "cache_creation_tokens", "cached_creation_tokens", _WRITTEN)
_AN_HOUR, _MINUTES = "ephemeral_1h_input_tokens", "ephemeral_5m_input_tokens"
_DEARER_TIER = "priority"
_SEARCHES = ("num_search_queries", "num_sources_used")
_UPSTREAM = "upstream_inference_cost"
_UPSTREAM_PARTS = ("upstream_inference_prompt_cost", "upstream_inference_completions_cost")


class _Cache(NamedTuple):
    read: int
    written: int
    an_hour: int


def read_usage(usage: Json, tier: Json = None) -> Usage | None:
    """Return the token counts in one form; None when the relay counted nothing.

    `tier` is the service tier that a response names beside its usage: the priority tier has other prices.
    """
    if not isinstance(usage, dict):
        return None
    cache = _cache(usage)
    completion, total = _count(usage, "completion_tokens", "output_tokens"), _count(usage, "total_tokens")
    prompt = _prompt(usage, cache, total - completion)
    if not prompt + completion + total:
        return None
    return Usage(
        prompt=prompt,
        completion=completion,
        cached=cache.read,
        cache_write=cache.written,
        cache_write_1h=min(cache.an_hour, cache.written),
        reasoning=_count(_details(usage, "output"), "reasoning_tokens") or _count(usage, "reasoning_tokens"),
        total=total or prompt + completion,
        unpriced=_unpriced(usage) + (_DEARER_TIER in (tier, usage.get("service_tier"))),
    )


def read_cost(payload: Mapping[str, Json], headers: Mapping[str, str]) -> Decimal | None:
    """Return the cost that the relay reports for an answer, in USD, where it reports all of it."""
    usage = object_of(payload.get("usage"))
    known = (cost for value in _reported(usage, headers) if (cost := _amount(value)) is not None)
    fee = next(known, None)
    upstream = _upstream(usage)
    if usage.get("is_byok") is True:
        return None if upstream is None else _plausible((fee or Decimal(0)) + upstream)
    # A bill from a third party is a cost too where the relay does not say whose key it was.
    return upstream if fee == 0 and upstream else fee


def object_of(value: Json) -> Mapping[str, Json]:
    """Return a JSON object, empty where there is none."""
    return value if isinstance(value, dict) else {}


def _reported(usage: Mapping[str, Json], headers: Mapping[str, str]) -> Iterator[Json]:
    cost = usage.get("cost")
    yield object_of(cost).get("total_cost") if isinstance(cost, dict) else cost
    yield headers.get("x-litellm-response-cost")


def _upstream(usage: Mapping[str, Json]) -> Decimal | None:
    """Return the separate bill of the provider behind the relay, where `cost` is the fee for using one's own key."""
    details = object_of(usage.get("cost_details"))
    if (whole := _amount(details.get(_UPSTREAM))) is not None:
        return whole
    parts = [_amount(details.get(name)) for name in _UPSTREAM_PARTS]
    return None if None in parts else sum((part for part in parts if part is not None), Decimal(0))


def _amount(value: Json) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        return _plausible(Decimal(str(value).strip()))
    except InvalidOperation:
        return None


def _plausible(cost_usd: Decimal) -> Decimal | None:
    return cost_usd if is_plausible_cost(cost_usd) else None


def _unpriced(usage: Mapping[str, Json]) -> int:
    """Count the units that are billed but in no price table: generated sounds and images, input sounds, searches."""
    made, given = _details(usage, "output"), _details(usage, "input")
    searches = _count(object_of(usage.get("server_tool_use")), "web_search_requests") + _count(usage, *_SEARCHES)
    elsewhere = usage.get("is_byok") is True and _upstream(usage) is None
    sounds = _count(made, "audio_tokens") + _count(given, "audio_tokens")
    return sounds + _count(made, "image_tokens") + searches + elsewhere


def _details(usage: Mapping[str, Json], side: str) -> Mapping[str, Json]:
    older = "prompt" if side == "input" else "completion"
    return {**object_of(usage.get(f"{side}_tokens_details")), **object_of(usage.get(f"{older}_tokens_details"))}


def _cache(usage: Mapping[str, Json]) -> _Cache:
    details = _details(usage, "input")
    read = _count(details, "cached_tokens") or _count(usage, "prompt_cache_hit_tokens", _READ, "cached_tokens")
    tables = (usage, details)
    by_time = [
        object_of(table.get(name)) for table in tables for name in ("cache_creation", "cache_creation_token_details")
    ]
    an_hour = max(_count(times, _AN_HOUR) for times in by_time)
    minutes = max(_count(times, _MINUTES) for times in by_time)
    written = _count(details, *_WRITTEN_IN_DETAIL) or _count(usage, _WRITTEN, "cache_write_tokens")
    return _Cache(read, max(written, an_hour + minutes), an_hour)


def _prompt(usage: Mapping[str, Json], cache: _Cache, in_total: int) -> int:
    """Return all tokens of the prompt; `in_total` are those that the total leaves for it.

    A relay that counts `input_tokens` beside `cache_read_input_tokens` does not include the cached ones.
    `prompt_tokens` does not include them either where it is smaller, or where the total has room for exactly their sum.
    """
    prompt, cached = _count(usage, "prompt_tokens", "input_tokens"), cache.read + cache.written
    beside = not _count(usage, "prompt_tokens") and not usage.keys().isdisjoint({_READ, _WRITTEN})
    if beside or cached > prompt or (cached and in_total == prompt + cached):
        return prompt + cached
    alone = next((part for part in (cache.read, cache.written) if part and in_total == prompt + part), 0)
    return prompt + alone


def _count(table: Mapping[str, Json], *names: str) -> int:
    for name in names:
        value = table.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e15:
            return int(value)
    return 0
