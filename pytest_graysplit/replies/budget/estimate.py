"""The expected cost of calls before the first of them: from recorded token counts, else from sizes."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.replies.budget.token_limits import token_limit
from pytest_graysplit.types import Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_graysplit.replies.pricing import PriceTable
    from pytest_graysplit.types import Json

# English has about four letters per token with every tokenizer in use.
LETTERS_PER_TOKEN = 4
# Without recordings, an answer is assumed to use half of its limit, or to be a paragraph or two.
UNLIMITED_ANSWER_TOKENS = 300


class Call(NamedTuple):
    """One future call: the model, the hash of the request, its body, and the name of its price if it is another.

    `answers` is the number of answers that the request will repeat, as those of earlier turns, and that the body lacks.
    """

    model: str
    request: str
    body: Mapping[str, Json]
    priced_as: str = ""
    answers: int = 0

    @property
    def price(self) -> str:
        """The name of its price."""
        return self.priced_as or self.model


class CostEstimate(NamedTuple):
    """The number of calls, and their expected cost without those to `unpriced` models."""

    calls: int
    usd: Decimal
    unpriced: tuple[str, ...] = ()


class RecordedUsage:
    """Token counts of recorded replies, for the size of prompts that were sent before and the length of answers."""

    def __init__(self) -> None:
        self._prompts: dict[str, int] = {}
        self._outputs: Counter[str] = Counter()
        self._replies: Counter[str] = Counter()

    def add(self, model: str, request: str, usage: Usage) -> None:
        """Add one recorded reply; a total alone is not used."""
        if not usage.prompt:
            return
        self._prompts[request] = usage.prompt
        self._outputs[model] += usage.output
        self._replies[model] += 1

    def prompt(self, call: Call) -> int:
        """Return the tokens of the same request as any model counted them, else a quarter of its letters.

        An answer that it will repeat counts with its limit, or without one as an average answer.
        """
        known, limit = self._prompts.get(call.request), token_limit(call.body)
        tokens = limit.prompt // LETTERS_PER_TOKEN if known is None else known
        return tokens + call.answers * (self.output(call) if limit.output is None else limit.output)

    def output(self, call: Call) -> int:
        """Return the average answer of the model, else of any model, else half of the limit; at most the limit."""
        limit = token_limit(call.body).output
        if replies := self._replies[call.model]:
            mean = self._outputs[call.model] // replies
        elif replies := self._replies.total():
            mean = self._outputs.total() // replies
        else:
            return UNLIMITED_ANSWER_TOKENS if limit is None else limit // 2
        return mean if limit is None else min(mean, limit)


def estimate_cost(calls: Iterable[Call], recorded: RecordedUsage, prices: PriceTable) -> CostEstimate:
    """Estimate the cost of all calls."""
    numbers, usages = Counter[str](), dict[str, Usage]()
    for call in calls:
        usage = Usage(prompt=recorded.prompt(call), completion=recorded.output(call))
        numbers[call.price] += 1
        usages[call.price] = usages.get(call.price, Usage()) + usage
    # The mean call is priced, once per model: genai-prices takes a third of a millisecond per price, and has higher
    # prices for long prompts, which the sum of all would seem to be.
    costs = {model: prices.cost_of_tokens(model, _mean(usages[model], number)) for model, number in numbers.items()}
    unpriced = tuple(sorted(model for model, cost in costs.items() if cost is None))
    total = sum((cost * numbers[model] for model, cost in costs.items() if cost is not None), Decimal(0))
    return CostEstimate(numbers.total(), total, unpriced)


def _mean(usage: Usage, number: int) -> Usage:
    return Usage(prompt=round(usage.prompt / number), completion=round(usage.completion / number))
