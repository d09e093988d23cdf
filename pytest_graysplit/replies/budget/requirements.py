"""What a cap asks for: a price of every model, and a limit on every answer. Without them nobody can keep it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.formatting.display import exact_money, listed
from pytest_graysplit.replies.budget.token_limits import bound_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from decimal import Decimal

    from pytest_graysplit.replies.pricing import PriceTable
    from pytest_graysplit.types import Json, Route


def require_prices(models: Iterable[str], prices: PriceTable, cap_usd: Decimal) -> None:
    """Raise UsageError for the models that will be asked and have no price, with the lines to add."""
    unpriced = sorted(model for model in set(models) if prices.at_most_usd(model, 1, 1) is None)
    if unpriced:
        lines = [f'    "{model}" = {{ input = ..., output = ... }}' for model in unpriced]
        # The slug stands on a line of its own, so that the lines above can be copied.
        where = ["add to pyproject.toml, in USD per million tokens:", "    [tool.graysplit.prices]", *lines, ""]
        raise UsageError(
            f"the cap of {exact_money(cap_usd)} cannot be kept: no price is known for {listed(unpriced)}",
            hint="\n".join(where),
            slug=Slug.CAP_UNPRICED,
        )


def require_limit(case: str, model: str, body: Mapping[str, Json], cap_usd: Decimal, route: Route = "chat") -> None:
    """Raise UsageError for a request to whose answer there is no limit, with the option to add."""
    if bound_of(body, route).output is None:
        raise UsageError(
            f"the cap of {exact_money(cap_usd)} cannot be kept: nothing limits what {model} may answer to {case!r}",
            hint="add --graysplit-param=max_tokens=500, or max_tokens to the case's params "
            "(newer models want max_completion_tokens)",
            slug=Slug.CAP_UNLIMITED,
        )


def require_metric_limit(
    metric: str, model: str, params: Mapping[str, Json], cap_usd: Decimal, route: Route = "chat"
) -> None:
    """Raise UsageError for a metric whose model may answer without a limit, with the line to add."""
    if bound_of(params, route).output is None:
        raise UsageError(
            f"the cap of {exact_money(cap_usd)} cannot be kept: nothing limits what the {metric} {model} may answer",
            hint=f"add to pyproject.toml: [tool.graysplit.{metric}] params = {{ max_tokens = 500 }} "
            "(newer models want max_completion_tokens)",
            slug=Slug.CAP_UNLIMITED,
        )
