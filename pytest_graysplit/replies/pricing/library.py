"""Prices of most public models, from genai-prices where it is installed."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from pytest_graysplit.replies.pricing.names import Name
    from pytest_graysplit.types import Usage


@lru_cache(maxsize=1)
def genai_prices() -> ModuleType | None:
    """Return the library, None where it is not installed."""
    # Python does not remember a failed import, and would try it again for every reply.
    try:
        return import_module("genai_prices")
    except ImportError:
        return None


def listed_cost(name: Name, usage: Usage, at: str | None) -> Decimal | None:
    """Return the cost of the tokens at the moment `at`; None where the list has no such model or price."""
    # Our own counts are used, never the raw response: the library's extractors lose Gemini's reasoning tokens and the
    # cache fields of Anthropic and DeepSeek. Prices change over time, so the time of the request is passed too.
    library = genai_prices()
    if library is None:
        return None
    tokens = {
        "input_tokens": usage.prompt,
        "output_tokens": usage.output,
        "cache_read_tokens": usage.cached,
        "cache_write_tokens": usage.cache_write,
        "cache_write_1h_tokens": usage.cache_write_1h,
    }
    seller = {"provider_id": name.provider} if name.provider else {}
    try:
        stamp = datetime.fromisoformat(at) if at else datetime.now(UTC)
        counts = library.Usage(**{kind: number for kind, number in tokens.items() if number})
        found = library.calc_price(counts, model_ref=name.model, genai_request_timestamp=stamp, **seller)
    except (LookupError, ValueError, TypeError):  # an older library knows fewer kinds of tokens
        return None
    price = getattr(found, "model_price", None)  # an older library does not say
    return Decimal(found.total_price) if _is_meant(found, name) and _is_whole(price, usage) else None


def _is_meant(found: Any, name: Name) -> bool:
    return name.is_like(found.model.id) or name.is_like(str(found.model.name or ""))


def _is_whole(price: Any, usage: Usage) -> bool:
    """Tell whether the list has a price for every kind of token: it counts a missing one at a lower price, or 0."""
    if price is None:
        return not usage.cache_write
    needed = {
        "input_mtok": usage.prompt,
        "output_mtok": usage.output,
        "cache_write_mtok": usage.cache_write,
        "cache_write_1h_mtok": usage.cache_write_1h,
    }
    return all(getattr(price, name, None) is not None for name, number in needed.items() if number)
