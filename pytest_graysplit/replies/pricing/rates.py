"""Prices of tokens by their kind, with the higher ones for long prompts; the built-in ones."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from pytest_graysplit.config.pyproject.prices import ABOVE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_graysplit.types import Usage

MILLION = Decimal(1_000_000)


def _rates(**usd: str) -> Mapping[str, Decimal]:
    return {name: Decimal(amount) for name, amount in usd.items()}


# USD per million tokens, checked 2026-11. Any of them can be overruled in [tool.graysplit.prices]. Google bills the
# time that a cache is kept, which no reply reports: there is no price for writing to it.
BUILT_IN: Mapping[str, Mapping[str, Decimal]] = {
    "gpt-4.1": _rates(input="2", cached="0.50", cache_write="2", output="8"),
    "claude-sonnet-4.5": _rates(
        input="3", cached="0.30", cache_write="3.75", cache_write_1h="6", output="15",
        above="200000", above_input="6", above_cached="0.60", above_cache_write="7.50", above_cache_write_1h="12",
        above_output="22.50",
    ),
    "gemini-2.5-flash": _rates(input="0.30", cached="0.03", output="2.50"),
    "deepseek-v3.2": _rates(input="0.28", cached="0.028", cache_write="0.28", output="0.42"),
}  # fmt: skip
# The makers of these models: only they sell them at these prices.
MAKERS: Mapping[str, tuple[str, ...]] = {
    "gpt-4.1": ("openai",),
    "claude-sonnet-4.5": ("anthropic",),
    "gemini-2.5-flash": ("google", "gemini"),
    "deepseek-v3.2": ("deepseek",),
}


def cost_of(usage: Usage, price: Mapping[str, Decimal]) -> Decimal | None:
    """Return the cost of the tokens; None where some were written to a cache at an unknown price.

    Cached tokens without a price of their own cost the input price, which is never too low; written ones may cost more
    than that, 1.25 to 2 times as much with Anthropic.

    >>> from pytest_graysplit.types import Usage
    >>> cost_of(Usage(prompt=1500, completion=300), BUILT_IN["claude-sonnet-4.5"])
    Decimal('0.009')
    """
    long = f"{ABOVE}_" if ABOVE in price and usage.prompt > price[ABOVE] else ""
    full, minutes, an_hour = price[f"{long}input"], usage.cache_write - usage.cache_write_1h, usage.cache_write_1h
    total = usage.prompt * full + usage.output * price[f"{long}output"]
    if usage.cached:
        total += usage.cached * (price.get(f"{long}cached", full) - full)
    for tokens, kind in ((minutes, "cache_write"), (an_hour, "cache_write_1h")):
        if tokens:
            # Where reading a prompt is free, caching it is free too: that is a local model.
            written = price.get(f"{long}{kind}") if full else full
            if written is None:
                return None
            total += tokens * (written - full)
    return total / MILLION
