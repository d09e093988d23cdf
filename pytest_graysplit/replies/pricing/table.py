"""The prices of a project: the table for a model, and the cost of a reply to believe."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from pytest_graysplit.replies.pricing.library import listed_cost
from pytest_graysplit.replies.pricing.names import Name, bare_spellings, spellings
from pytest_graysplit.replies.pricing.rates import BUILT_IN, MAKERS, cost_of
from pytest_graysplit.types import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_graysplit.types import Outcome, Reply

    Rates = Mapping[str, Decimal]

# The plausible cost of one answer: at most six digits of US dollars, and no more digits than a relay would count.
_MOST_DIGITS, _LEAST_POWER, _MOST_POWER = 40, -18, 6
_SAYS_SOMETHING = ("ok", "refusal", "truncated")
_FREE_VARIANT = ":free"
# Writing to a cache that is kept for an hour costs twice the input, and no vendor charges more for any kind of it.
_DEAREST_WRITE = 2


class PriceTable:
    """Prices by model name: the user's before the built-in ones, and these before those of genai-prices.

    An arm with a price of its own has it under another name; methods that take a reply then get that name too.
    """

    def __init__(self, user: Mapping[str, Rates]) -> None:
        self._user = {**{name.lower(): price for name, price in user.items()}, **user}
        self._found: dict[str, Rates | None] = {}

    def name_for(self, arm: str, model: str) -> str:
        """Return the name under which the arm's own price is found, or the model's name if it has none."""
        own = f"arm {arm}"
        return own if own in self._user else model

    def priced(self, reply: Reply, name: str | None = None) -> Reply:
        """Return the reply with its cost filled in; it stays None where tokens or price are unknown.

        The reply must be fresh: its other users see the cost too.
        """
        # Copying a frozen record of 26 fields costs 10 microseconds, twice per case, in suites of thousands.
        object.__setattr__(reply, "cost_usd", self.cost_usd(reply, name))
        return reply

    def cost_usd(self, reply: Reply, name: str | None = None) -> Decimal | None:
        """Return the cost that the relay reported, else tokens times the price of the requested model, or of `name`."""
        if reply.reported_cost_usd:
            return reply.reported_cost_usd
        tokens_usd = None
        if reply.usage is not None:
            tokens_usd = self.cost_of_answer(name or reply.model, reply.usage, reply.at, outcome=reply.outcome)
        if reply.reported_cost_usd is None:
            return tokens_usd
        # A relay that reports zero for a model with a price may just not know the price.
        return None if tokens_usd and not (name or reply.model).endswith(_FREE_VARIANT) else reply.reported_cost_usd

    def cost_of_tokens(self, model: str, usage: Usage, at: str | None = None) -> Decimal | None:
        """Return the price of the tokens, at the moment `at` where prices change; None where the model has none.

        The cost is unknown for tokens that were not counted by kind, or whose price is in no table.
        """
        if usage.unpriced or (not usage.prompt and (usage.completion or usage.total)):
            return None
        if (price := self._price(model)) is not None:
            return cost_of(usage, price)
        name = Name.of(model)
        return None if name is None else listed_cost(name, usage, at)

    def cost_of_answer(self, model: str, usage: Usage, at: str | None = None, *, outcome: Outcome) -> Decimal | None:
        """Return the price of a call's tokens; None also for an answer of which no token was counted."""
        if outcome == "filtered" and usage == Usage():
            return Decimal(0)  # no model has worked on it
        cost = self.cost_of_tokens(model, usage, at)
        if cost is None or outcome not in _SAYS_SOMETHING or (usage.prompt and usage.output):
            return cost
        # Where the answers of a model are free, as vectors are, only the prompt is billed.
        with_answer = self.cost_of_tokens(model, replace(usage, completion=1, total=0), at)
        return cost if usage.prompt and with_answer in (None, cost) else None

    def at_most_usd(self, model: str, prompt: int, output: int, *, may_write: bool = False) -> Decimal | None:
        """Return the highest cost of this many tokens: every token of the prompt is billed as the most expensive kind.

        `may_write` is True where the request asks for its prompt to be kept in a cache, for any time.
        """
        plain = Usage(prompt=prompt, completion=output)
        kinds = [plain, replace(plain, cached=prompt), replace(plain, cache_write=prompt)]
        kinds += [replace(plain, cache_write=prompt, cache_write_1h=prompt)] if may_write else []
        now = datetime.now(UTC)
        # Some prices depend on the time of day, and a request that waits for its turn may be sent in the next period.
        stamps = [None] if self._price(model) is not None else [now.isoformat(), (now + timedelta(hours=1)).isoformat()]
        costs = [self.cost_of_tokens(model, kind, at) for kind in kinds for at in stamps]
        if may_write and None in costs and costs[0] is not None:
            costs.append(self.cost_of_tokens(model, replace(plain, prompt=_DEAREST_WRITE * prompt)))
        return max((cost for cost in costs if cost is not None), default=None)

    def _price(self, model: str) -> Rates | None:
        if model not in self._found:
            own = self._own(model)
            self._found[model] = _built_in(model) if own is None else own
        return self._found[model]

    def _own(self, model: str) -> Rates | None:
        return next((self._user[name] for name in spellings(model) if name in self._user), None)


def _built_in(model: str) -> Rates | None:
    name = Name.of(model)
    if name is None:
        return None
    known = next((spelling for spelling in bare_spellings(name) if spelling in BUILT_IN), None)
    return None if known is None or name.maker not in ("", *MAKERS[known]) else BUILT_IN[known]


def is_plausible_cost(cost_usd: Decimal) -> bool:
    """Tell whether an answer can have this cost: 1e400 or 1e-400 dollars are an error of the relay."""
    if not cost_usd.is_finite() or len(cost_usd.as_tuple().digits) > _MOST_DIGITS:
        return False
    return cost_usd == 0 or (cost_usd > 0 and _LEAST_POWER <= cost_usd.adjusted() < _MOST_POWER)
