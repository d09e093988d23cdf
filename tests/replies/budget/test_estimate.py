"""The expected cost of calls: from recorded token counts, else from sizes, and never with a guessed price."""

from decimal import Decimal

import pytest

from pytest_graysplit.replies.budget import Call, RecordedUsage, estimate_cost
from pytest_graysplit.replies.budget.estimate import UNLIMITED_ANSWER_TOKENS
from pytest_graysplit.replies.pricing import PriceTable
from pytest_graysplit.types import Usage

PRICES = PriceTable({name: {"input": Decimal(1), "output": Decimal(10)} for name in ("old", "new")})


def a_call(model="new", request="r1", prompt="Hi", **params):
    return Call(model, request, {"messages": [{"role": "user", "content": prompt}], **params})


def seen(*recorded):
    usages = RecordedUsage()
    for model, request, prompt, completion in recorded:
        usages.add(model, request, Usage(prompt=prompt, completion=completion, total=prompt + completion))
    return usages


def test_request_that_any_model_answered_has_its_counted_size():
    """The prompt is as long as it was for the other model; a new one is a quarter of its letters."""
    usages = seen(("old", "r1", 123, 50))
    assert usages.prompt(a_call()) == 123
    assert 250 <= usages.prompt(a_call(request="r2", prompt="x" * 1000)) <= 300


@pytest.mark.parametrize(
    ("recorded", "params", "tokens"),
    [
        ([("new", "r1", 1, 100), ("new", "r2", 1, 200), ("old", "r3", 1, 999)], {}, 150),
        ([("old", "r1", 1, 100), ("old", "r2", 1, 300)], {}, 200),
        ([("new", "r1", 1, 100)], {"max_tokens": 40}, 40),
        ([], {"max_tokens": 40}, 20),
        ([], {}, UNLIMITED_ANSWER_TOKENS),
    ],
    ids=["own", "another model's", "limited", "half of the limit", "nothing known"],
)
def test_answer_has_the_average_length_of_its_model(recorded, params, tokens):
    """Else that of any model, else half of the limit; never above the limit."""
    assert seen(*recorded).output(a_call(**params)) == tokens


def test_calls_are_added_up_at_their_own_prices():
    """Two calls of 100 tokens in and 50 out."""
    usages = seen(("old", "r1", 100, 50))
    assert estimate_cost([a_call("old"), a_call("new")], usages, PRICES) == (2, Decimal("0.0012"), ())


def test_unknown_price_makes_the_sum_partial():
    """The sum is that of the other models; those without a price are named once."""
    calls = [a_call("old"), a_call("stranger"), a_call("stranger"), a_call("another")]
    assert estimate_cost(calls, seen(), PRICES) == (4, Decimal("0.00302"), ("another", "stranger"))
