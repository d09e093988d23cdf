"""What a reply cost: whose word counts, which tokens at which price, and unknown is never nothing."""

import doctest
import sys
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import genai_prices
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit import pricing
from pytest_graysplit.pricing import BUILT_IN, PriceTable, cost_of
from pytest_graysplit.types import Reply, Usage

TABLE = PriceTable({})
KNOWN_ELSEWHERE = "gpt-4o-mini"  # not in the built-in table, but in genai-prices


@pytest.fixture(autouse=True)
def _forget_the_library():
    """Each test looks for genai-prices anew, and leaves nothing behind."""
    pricing._genai_prices.cache_clear()
    yield
    pricing._genai_prices.cache_clear()


def reply(model="claude-sonnet-4.5", usage=None, **fields):
    return Reply(model=model, outcome="ok", usage=usage or Usage(prompt=1000, completion=100, total=1100), **fields)


def test_the_examples_in_the_docstrings_are_true():
    """What the module says of itself is run."""
    assert doctest.testmod(pricing).failed == 0


def test_the_built_in_table_in_whole():
    """USD per million tokens: input, cached input, output."""
    shown = {
        model: tuple(str(price[name]) for name in ("input", "cached", "output")) for model, price in BUILT_IN.items()
    }
    assert shown == {
        "gpt-4.1": ("2", "0.50", "8"),
        "claude-sonnet-4.5": ("3", "0.30", "15"),
        "gemini-2.5-flash": ("0.30", "0.03", "2.50"),
        "deepseek-v3.2": ("0.28", "0.028", "0.42"),
    }


# --- whose word counts


def test_what_the_relay_reports_counts_before_any_table():
    """The bill is right where a table may be old, also when it says that the reply was free."""
    table = PriceTable({"claude-sonnet-4.5": {"input": Decimal(100), "output": Decimal(100)}})
    assert table.cost_usd(reply(reported_cost_usd=Decimal("0.0123"))) == Decimal("0.0123")
    assert table.cost_usd(reply(reported_cost_usd=Decimal(0))) == 0
    assert table.cost_usd(Reply(model="x", outcome="ok", reported_cost_usd=Decimal("0.5"))) == Decimal("0.5")


def test_the_users_price_counts_before_the_built_in_one():
    """What somebody wrote down for their own contract overrules the list price."""
    table = PriceTable({"claude-sonnet-4.5": {"input": Decimal(1), "output": Decimal(2)}})
    assert table.cost_usd(reply()) == Decimal("0.0012")
    assert table.cost_usd(reply("gpt-4.1")) == Decimal("0.0028")


def test_the_built_in_price_counts_before_the_library(monkeypatch):
    """The four models of the table are priced without any package."""
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    assert TABLE.cost_usd(reply()) == Decimal("0.0045")


def test_the_library_knows_the_rest():
    """genai-prices gets our own counts, as of the day of the request."""
    at = "2025-06-01T00:00:00.000Z"
    usage = Usage(prompt=1000, completion=100, cached=400, total=1100)
    by_hand = genai_prices.calc_price(
        genai_prices.Usage(input_tokens=1000, output_tokens=100, cache_read_tokens=400),
        model_ref=KNOWN_ELSEWHERE,
        genai_request_timestamp=datetime(2025, 6, 1, tzinfo=UTC),
    ).total_price
    cost = TABLE.cost_usd(reply(KNOWN_ELSEWHERE, usage, at=at))
    assert cost == by_hand == Decimal("0.00018")
    assert isinstance(cost, Decimal)


def test_the_library_is_told_when_the_request_was_made(monkeypatch):
    """Prices change over time: a recorded reply costs what it did when it was asked; a new one what it does now."""
    stamps = []

    def calc_price(tokens, *, model_ref, genai_request_timestamp):
        stamps.append(genai_request_timestamp)
        raise LookupError(model_ref)

    monkeypatch.setattr(genai_prices, "calc_price", calc_price)
    before = datetime.now(UTC)
    TABLE.cost_usd(reply("elsewhere", at="2025-06-01T10:20:30.456Z"))
    TABLE.cost_usd(reply("elsewhere"))
    assert stamps[0] == datetime(2025, 6, 1, 10, 20, 30, 456_000, tzinfo=UTC)
    assert before <= stamps[1] <= datetime.now(UTC)


def test_reasoning_beside_the_completion_is_told_to_the_library():
    """Gemini counts its reasoning outside completion_tokens; it is billed as output all the same."""
    inside = Usage(prompt=20, completion=603, reasoning=405, total=623)
    beside = Usage(prompt=20, completion=198, reasoning=405, total=623)
    assert TABLE.cost_usd(reply(KNOWN_ELSEWHERE, beside)) == TABLE.cost_usd(reply(KNOWN_ELSEWHERE, inside))


# --- unknown stays unknown


def test_a_name_that_nobody_knows_has_no_price():
    """A relay's own model name ends in None, not in an error and not in $0."""
    assert TABLE.cost_usd(reply("our-own-finetune")) is None


def test_counts_that_the_library_refuses_have_no_price():
    """More cached tokens than tokens make no sense, and no price."""
    usage = Usage(prompt=10, completion=1, cached=400, total=11)
    assert TABLE.cost_usd(reply(KNOWN_ELSEWHERE, usage)) is None


def test_without_the_library_the_rest_is_unknown(monkeypatch):
    """The extra is not installed: no error, no price, and the import is tried once."""
    tried = []

    def import_module(name):
        tried.append(name)
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(pricing, "import_module", import_module)
    assert [TABLE.cost_usd(reply(KNOWN_ELSEWHERE)) for _ in range(3)] == [None, None, None]
    assert tried == ["genai_prices"]


def test_without_tokens_the_cost_is_unknown():
    """A relay that counts nothing leaves a cost that nobody knows, even at a known price."""
    assert TABLE.cost_usd(Reply(model="claude-sonnet-4.5", outcome="ok")) is None


def test_a_priced_reply_is_the_reply_with_its_cost():
    """Nothing else changes, and where the cost is unknown nothing at all does."""
    known, unknown = reply(), reply("our-own-finetune")
    assert TABLE.priced(known) == replace(known, cost_usd=Decimal("0.0045"))
    assert TABLE.priced(unknown) is unknown


# --- which tokens at which price

PRICE = {"input": Decimal(3), "cached": Decimal("0.30"), "cache_write": Decimal("3.75"), "output": Decimal(15)}


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (Usage(), "0"),
        (Usage(prompt=1500, completion=300), "0.009"),
        (Usage(prompt=1500, completion=300, cached=1000), "0.0063"),
        (Usage(prompt=1500, completion=300, cache_write=1000), "0.00975"),
        (Usage(prompt=1500, completion=300, cached=700, cache_write=800), "0.00771"),
        (Usage(prompt=20, completion=603, reasoning=405, total=623), "0.009105"),
        (Usage(prompt=20, completion=198, reasoning=405, total=623), "0.009105"),
    ],
    ids=["nothing", "plain", "cached", "written", "both", "reasoning inside", "reasoning beside"],
)
def test_tokens_cost_the_price_of_their_kind(usage, cost):
    """Cached and written tokens are parts of the prompt; reasoning is output wherever the relay counts it."""
    assert cost_of(usage, PRICE) == Decimal(cost)


def test_kinds_without_a_price_of_their_own_cost_the_input_price():
    """Two prices are enough: cached and written tokens are never free by omission."""
    price = {"input": Decimal(3), "output": Decimal(15)}
    assert cost_of(Usage(prompt=1500, completion=300, cached=700, cache_write=800), price) == Decimal("0.009")


@pytest.mark.parametrize(
    ("usage", "output"),
    [
        (Usage(prompt=20, completion=198, reasoning=405, total=623), 603),
        (Usage(prompt=20, completion=603, reasoning=405, total=623), 603),
        (Usage(prompt=20, completion=198, reasoning=0, total=623), 198),
        (Usage(prompt=20, completion=198, reasoning=100, total=623), 198),
        (Usage(prompt=20, completion=198, reasoning=405, total=0), 198),
        (Usage(prompt=20, completion=198, reasoning=405, total=218), 198),
    ],
)
def test_a_gap_in_the_total_is_output_only_when_it_is_reasoning(usage, output):
    """20, 198, 405 and 623 are real: reasoning beside the completion. Another gap is not guessed at."""
    assert usage.output == output


COUNTS = st.integers(0, 10**7)


@given(COUNTS, COUNTS, st.data())
def test_the_cost_of_two_replies_is_the_sum_of_their_costs(prompt, completion, data):
    """Exact in Decimal, and never below nothing."""
    cached = data.draw(st.integers(0, prompt))
    first = Usage(prompt=prompt, completion=completion, cached=cached, total=prompt + completion)
    second = Usage(prompt=7, completion=3, total=10)
    assert cost_of(first + second, PRICE) == cost_of(first, PRICE) + cost_of(second, PRICE)
    assert cost_of(first, PRICE) >= 0


@pytest.mark.parametrize(
    ("millions", "cost"),
    [
        ({"claude-sonnet-4.5": 10}, "150.00"),
        ({"deepseek-v3.2": 9, "claude-sonnet-4.5": 1}, "18.78"),
        ({"deepseek-v3.2": 7, "gemini-2.5-flash": 2, "claude-sonnet-4.5": 1}, "22.94"),
    ],
    ids=["100", "90/10", "70/20/10"],
)
def test_ten_million_output_tokens_split_over_models(millions, cost):
    """The monthly bills of the article on traffic splitting, which adds them up to $20.58 and $11.69."""
    bills = [cost_of(Usage(completion=number * 1_000_000), BUILT_IN[model]) for model, number in millions.items()]
    assert sum(bills) == Decimal(cost)


def test_a_stamp_that_nobody_can_read_does_not_end_the_run():
    """A recording that was edited by hand may hold any text there."""
    cost = TABLE.cost_usd(reply(KNOWN_ELSEWHERE, at="yesterday"))
    assert cost is None or cost > 0
