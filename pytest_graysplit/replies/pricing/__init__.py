"""The cost of a reply, as a Decimal of US dollars, or None where it is unknown: never too low.

The order: the cost that the relay reported, the user's table, the built-in table, genai-prices when it is installed.
"""

from pytest_graysplit.replies.pricing.table import PriceTable, is_plausible_cost

__all__ = ["PriceTable", "is_plausible_cost"]
