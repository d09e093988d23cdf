"""What a reply cost, as a Decimal of US dollars, or None where nobody knows.

The order: what the relay reported, the user's own table, the built-in table, genai-prices when it is installed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING

from pytest_graysplit.types import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from pytest_graysplit.types import Reply

# USD per million tokens, checked 2026-11. Any of them can be overruled in [tool.graysplit.prices].
BUILT_IN: Mapping[str, Mapping[str, Decimal]] = {
    model: {"input": Decimal(tokens_in), "cached": Decimal(cached), "output": Decimal(tokens_out)}
    for model, tokens_in, cached, tokens_out in (
        ("gpt-4.1", "2", "0.50", "8"),
        ("claude-sonnet-4.5", "3", "0.30", "15"),
        ("gemini-2.5-flash", "0.30", "0.03", "2.50"),
        ("deepseek-v3.2", "0.28", "0.028", "0.42"),
    )
}
MILLION = Decimal(1_000_000)
# What one answer can have cost: at most six digits of US dollars, and no more digits than a relay would count.
_MOST_DIGITS, _LEAST_POWER, _MOST_POWER = 40, -18, 6


class PriceTable:
    """Prices by model name: the user's before the built-in ones."""

    def __init__(self, user: Mapping[str, Mapping[str, Decimal]]) -> None:
        self._prices = {**BUILT_IN, **user}

    def priced(self, reply: Reply) -> Reply:
        """Return the reply with its cost filled in; it stays None where tokens or price are unknown.

        The reply must be fresh: whoever holds it already sees its cost appear.
        """
        # Copying a frozen record of 26 fields costs 10 microseconds, twice a case, in suites of thousands.
        object.__setattr__(reply, "cost_usd", self.cost_usd(reply))
        return reply

    def cost_usd(self, reply: Reply) -> Decimal | None:
        """Return what the relay reported, else tokens times the price of the model that was asked for."""
        if reply.reported_cost_usd is not None:
            return reply.reported_cost_usd
        return None if reply.usage is None else self.cost_of_tokens(reply.model, reply.usage, reply.at)

    def cost_of_tokens(self, model: str, usage: Usage, at: str | None = None) -> Decimal | None:
        """Return the price of the tokens, at the moment `at` where prices change; None where the model has none."""
        if price := self._prices.get(model):
            return cost_of(usage, price)
        return _genai_cost(model, usage, at)

    def at_most_usd(self, model: str, prompt: int, output: int) -> Decimal | None:
        """Return the cost of so many tokens at the most: every token of the prompt is billed as the dearest kind."""
        kinds = (
            Usage(prompt=prompt, completion=output),
            Usage(prompt=prompt, completion=output, cached=prompt),
            Usage(prompt=prompt, completion=output, cache_write=prompt),
        )
        costs = [cost for kind in kinds if (cost := self.cost_of_tokens(model, kind)) is not None]
        return max(costs, default=None)


def cost_of(usage: Usage, price: Mapping[str, Decimal]) -> Decimal:
    """Return the cost of the tokens; cached and cache-writing ones without a price of their own cost the input price.

    >>> from pytest_graysplit.types import Usage
    >>> cost_of(Usage(prompt=1500, completion=300), BUILT_IN["claude-sonnet-4.5"])
    Decimal('0.009')
    """
    full, cached, cache_write = price["input"], usage.cached, usage.cache_write
    total = usage.prompt * full + usage.output * price["output"]
    if cached or cache_write:
        total += cached * (price.get("cached", full) - full) + cache_write * (price.get("cache_write", full) - full)
    return total / MILLION


@lru_cache(maxsize=1)
def _genai_prices() -> ModuleType | None:
    # A failed import is not remembered by Python, and would be tried anew for every reply.
    try:
        return import_module("genai_prices")
    except ImportError:
        return None


def _genai_cost(model: str, usage: Usage, at: str | None) -> Decimal | None:
    # Our own counts go in, never the raw answer: the library's extractors lose Gemini's reasoning tokens
    # and the cache fields of Anthropic and DeepSeek. Prices change over time, so the request's stamp goes in too.
    library = _genai_prices()
    if library is None:
        return None
    tokens = library.Usage(
        input_tokens=usage.prompt,
        output_tokens=usage.output,
        cache_read_tokens=usage.cached or None,
        cache_write_tokens=usage.cache_write or None,
    )
    try:
        stamp = datetime.fromisoformat(at) if at else datetime.now(UTC)
        return Decimal(library.calc_price(tokens, model_ref=model, genai_request_timestamp=stamp).total_price)
    except (LookupError, ValueError):
        return None


def is_plausible_cost(cost_usd: Decimal) -> bool:
    """Tell whether an answer can have cost so much: 1e400 or 1e-400 dollars are a fault of whoever reports them."""
    if not cost_usd.is_finite() or len(cost_usd.as_tuple().digits) > _MOST_DIGITS:
        return False
    return cost_usd == 0 or (cost_usd > 0 and _LEAST_POWER <= cost_usd.adjusted() < _MOST_POWER)
