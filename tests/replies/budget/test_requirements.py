"""The requirements of a cap are checked before anything is sent, with the lines to add."""

import tomllib
from decimal import Decimal

import pytest

from pytest_graysplit.config.settings import resolve
from pytest_graysplit.errors import UsageError
from pytest_graysplit.replies.budget import require_limit, require_prices
from pytest_graysplit.replies.pricing import PriceTable

CAP = Decimal("0.05")


def test_models_without_a_price_are_named_with_the_lines_to_add():
    """Each once, sorted; a built-in price, one of genai-prices, and one of 0 are prices."""
    prices = PriceTable({"mine": {"input": Decimal(0), "output": Decimal(0)}})
    require_prices(["mine", "gpt-4.1", "gpt-4o-mini"], prices, CAP)
    with pytest.raises(UsageError) as caught:
        require_prices(["your/model", "mine", "a-model", "a-model"], prices, CAP)
    assert str(caught.value) == (
        "the cap of $0.05 cannot be kept: no price is known for a-model and your/model\n"
        "  hint: add to pyproject.toml, in USD per million tokens:\n"
        "    [tool.graysplit.prices]\n"
        '    "a-model" = { input = ..., output = ... }\n'
        '    "your/model" = { input = ..., output = ... }\n'
        "  [cap-unpriced]"
    )


def test_lines_to_add_are_valid_settings():
    """Copied out of the message, with numbers in them, they are a price."""
    with pytest.raises(UsageError) as caught:
        require_prices(["your/model"], PriceTable({}), CAP)
    lines = "\n".join(str(caught.value).splitlines()[2:-1]).replace("...", "1.5")
    settings = resolve([], tomllib.loads(lines)["tool"]["graysplit"], {})
    require_prices(["your/model"], PriceTable(settings.table.prices), CAP)


def test_request_without_a_limit_is_named_with_the_option_to_add():
    """An embedding has no answer that would need one."""
    require_limit("a", "gpt-4.1", {"messages": [], "max_tokens": 10}, CAP)
    require_limit("a", "gpt-4.1", {"input": "text"}, CAP, "embeddings")
    with pytest.raises(UsageError) as caught:
        require_limit("refund-policy", "gpt-4.1", {"messages": []}, CAP)
    assert str(caught.value) == (
        "the cap of $0.05 cannot be kept: nothing limits what gpt-4.1 may answer to 'refund-policy'\n"
        "  hint: add --graysplit-param=max_tokens=500, or max_tokens to the case's params "
        "(newer models want max_completion_tokens)  [cap-unlimited]"
    )
