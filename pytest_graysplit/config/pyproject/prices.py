"""The section `prices`: USD per million tokens of a model, by kind of token."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING

from pytest_graysplit.config.pyproject.reading import read_table, reject_unknown, setting_error

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS = ("input", "cached", "cache_write", "cache_write_1h", "output")
# From this number of prompt tokens on, the whole request has the prices that begin with `above_`.
ABOVE = "above"
PRICE_FIELDS = (*KINDS, ABOVE, *(f"{ABOVE}_{kind}" for kind in KINDS))


def read_price(name: str, value: object) -> dict[str, Decimal]:
    """Return the price that a section gives; raise UsageError that names the setting."""
    table = read_table(name, value)
    reject_unknown(name, table, PRICE_FIELDS)
    for needed in ("input", "output"):
        if needed not in table:
            raise setting_error(
                name, f"has no {needed} price", f"{name} = {{input = 0.28, cached = 0.028, output = 0.42}}"
            )
    price: dict[str, Decimal] = {}
    for key, amount in table.items():
        if isinstance(amount, bool) or not isinstance(amount, int | float) or not 0 <= amount < math.inf:
            raise setting_error(
                f"{name}.{key}", f"{amount!r} is not a price", "write USD per million tokens, such as 0.28"
            )
        price[key] = Decimal(str(amount))
    _reject_half_tier(name, price)
    return price


def _reject_half_tier(name: str, price: Mapping[str, Decimal]) -> None:
    """Raise UsageError for prices of long prompts without their lower limit, input price or output price."""
    needed = (ABOVE, f"{ABOVE}_input", f"{ABOVE}_output")
    given = [key for key in price if key.startswith(ABOVE)]
    if given and (missing := next((key for key in needed if key not in price), None)):
        hint = f"{name} = {{..., above = 200000, above_input = 6, above_output = 22.5}}"
        raise setting_error(name, f"has {given[0]} and no {missing}", hint)
