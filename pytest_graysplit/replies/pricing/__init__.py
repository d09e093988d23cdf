"""What a reply cost, as a Decimal of US dollars, or None where nobody knows: never too little.

The order: what the relay reported, the user's own table, the built-in table, genai-prices when it is installed.
"""

from pytest_graysplit.replies.pricing.table import PriceTable, is_plausible_cost

__all__ = ["PriceTable", "is_plausible_cost"]
