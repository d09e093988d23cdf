"""The limits on a request that a cap needs: tokens bounded from above, never guessed, and a price of every model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.formatting.display import exact_money, listed
from pytest_graysplit.replies.budget.request_parts import (
    ITEMS,
    attachments,
    tools_of_vendor,
    unbounded_part,
    without_attachments,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from decimal import Decimal

    from pytest_graysplit.replies.pricing import PriceTable
    from pytest_graysplit.types import Json, Route

# The names of the limit on an answer. A server does not read that of another route, so it limits nothing.
LIMITS: dict[Route, tuple[str, ...]] = {
    "chat": ("max_completion_tokens", "max_tokens"),
    "responses": ("max_output_tokens",),
    "messages": ("max_tokens",),
}
# The tokens that a chat template adds to each message, and once to all of them.
MESSAGE_TOKENS = 16
# Vendors explain the use of tools to their model in their own words: 350 to 530 tokens where they are published.
TOOLS_TOKENS = 600
# A tool that the vendor has designed, such as its text editor, is described in its words alone.
VENDOR_TOOL_TOKENS = 1_500
# An image is billed by its size in pixels, which neither its address nor its bytes show, and a page like an image.
ATTACHMENT_TOKENS = 5_000
DEEPEST = 20
# The parts of a request that are the user's own content, not parameters.
_CONTENT = frozenset({"messages", "input", "system", "instructions", "tools", "functions"})

# The names of the limit on a model's thoughts, which some relays count in addition to the limit on its answer.
THOUGHTS = frozenset({"thinking_budget", "thinkingBudget", "budget_tokens", "max_thinking_tokens"})
# With this a request asks for its prompt to be kept in a cache, which costs more than reading it.
CACHING = "cache_control"


class TokenLimit(NamedTuple):
    """The most tokens that a request can be billed for; `output` is None where nothing limits the answer.

    `may_write` tells whether the request asks for its prompt to be written to a cache.
    """

    prompt: int
    output: int | None
    may_write: bool = False


def token_limit(body: Mapping[str, Json], route: Route = "chat") -> TokenLimit:
    """Return the most tokens that the request can use.

    Byte-level tokenizers never make more tokens than there are bytes, so the bytes of the request as JSON bound the
    prompt; its quotes and braces are extra. Only the request's own limit bounds the answer.
    """
    if route == "embeddings":
        return TokenLimit(_bytes(body), 0)
    items = body.get(ITEMS[route])
    tools = TOOLS_TOKENS if body.get("tools") or body.get("functions") else 0
    tools += VENDOR_TOOL_TOKENS * tools_of_vendor(body, route)
    around = MESSAGE_TOKENS * (1 + (len(items) if isinstance(items, list) else 0))
    attached = sum(1 for _ in attachments(items))
    prompt = _bytes(without_attachments(body, route)) + around + tools + ATTACHMENT_TOKENS * attached
    may_write = any(CACHING in table for table in _tables(body))
    return TokenLimit(prompt, output_limit(body, route), may_write)


def require_prices(models: Iterable[str], prices: PriceTable, cap_usd: Decimal) -> None:
    """Raise UsageError for the requested models that have no price, with the lines to add."""
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
    """Raise UsageError for a request without a limit on its answer, with the option to add."""
    if token_limit(body, route).output is None:
        raise UsageError(
            f"the cap of {exact_money(cap_usd)} cannot be kept: nothing limits what {model} may answer to {case!r}",
            hint="add --graysplit-param=max_tokens=500, or max_tokens to the case's params "
            "(newer models want max_completion_tokens)",
            slug=Slug.CAP_UNLIMITED,
        )


def require_application_limit(case: str, model: str, body: Mapping[str, Json], cap_usd: Decimal, route: Route) -> None:
    """Raise UsageError for a request of an application whose cost has no maximum, with the part to change."""
    cannot = f"the cap of {exact_money(cap_usd)} cannot be kept"
    if part := unbounded_part(body, route):
        raise UsageError(
            f"{cannot}: the request of {case!r} to {model} may cost any amount, because of {part}",
            hint="leave this part out of the request, or run without a cap",
            slug=Slug.CAP_UNLIMITED,
        )
    if token_limit(body, route).output is None:
        raise UsageError(
            f"{cannot}: nothing limits what {model} may answer to {case!r}",
            hint=f"let the application send {LIMITS[route][-1]}, or give it to the arm: "
            "[tool.graysplit.arms.NAME] params = { max_tokens = 500 }",
            slug=Slug.CAP_UNLIMITED,
        )


def require_metric_limit(
    metric: str, model: str, params: Mapping[str, Json], cap_usd: Decimal, route: Route = "chat"
) -> None:
    """Raise UsageError for a metric whose model may answer without a limit, with the line to add."""
    if token_limit(params, route).output is None:
        raise UsageError(
            f"the cap of {exact_money(cap_usd)} cannot be kept: nothing limits what the {metric} {model} may answer",
            hint=f"add to pyproject.toml: [tool.graysplit.{metric}] params = {{ max_tokens = 500 }} "
            "(newer models want max_completion_tokens)",
            slug=Slug.CAP_UNLIMITED,
        )


def output_limit(body: Mapping[str, Json], route: Route = "chat") -> int | None:
    """Return the most tokens that a request allows for its answer, None without a limit.

    Of two limits the larger one counts, because relays differ in which of them they read.
    """
    limits = [limit for name in LIMITS.get(route, ()) if (limit := _whole(body.get(name))) is not None]
    answers = _whole(body.get("n", 1)) if route == "chat" else 1
    return (max(limits) + _thoughts(body)) * answers if limits and answers is not None else None


def _thoughts(body: Mapping[str, Json]) -> int:
    """Return the most tokens of thoughts that the request allows, which may be billed on top of the answer."""
    apart = {name: value for name, value in body.items() if name not in _CONTENT}
    budgets = [_whole(value) for table in _tables(apart) for name, value in table.items() if name in THOUGHTS]
    reasoning = body.get("reasoning")
    budgets += [_whole(reasoning.get("max_tokens"))] if isinstance(reasoning, Mapping) else []
    return max((budget for budget in budgets if budget is not None), default=0)


def _tables(value: object) -> Iterator[Mapping[str, Json]]:
    """Yield every object inside a request, except below a depth that no request needs."""
    waiting = [(value, 0)]
    while waiting:
        one, depth = waiting.pop()
        if isinstance(one, Mapping):
            yield one
        if isinstance(one, Mapping | list) and depth < DEEPEST:
            waiting += [(inner, depth + 1) for inner in (one.values() if isinstance(one, Mapping) else one)]


def _whole(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _bytes(value: Mapping[str, Json]) -> int:
    return len(json.dumps(value, ensure_ascii=False, default=_plain).encode("utf-8", "surrogatepass"))


def _plain(value: object) -> object:
    # A value that is not JSON is refused where the request is written, before it is sent.
    return dict(value) if isinstance(value, Mapping) else str(value)
