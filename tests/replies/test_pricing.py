"""The cost of a reply: which source decides, which tokens at which price, and an unknown cost is never zero."""

import doctest
import sys
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

import genai_prices
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.config.pyproject.prices import PRICE_FIELDS
from pytest_graysplit.replies.pricing import PriceTable, library, names, rates, table
from pytest_graysplit.replies.pricing.rates import BUILT_IN, cost_of
from pytest_graysplit.types import Reply, Usage

TABLE = PriceTable({})
KNOWN_ELSEWHERE = "gpt-4o-mini"  # not in the built-in table, but in genai-prices


@pytest.fixture(autouse=True)
def _forget_the_library():
    """Each test looks for genai-prices again, and leaves nothing behind."""
    library.genai_prices.cache_clear()
    yield
    library.genai_prices.cache_clear()


def reply(model="claude-sonnet-4.5", usage=None, **fields):
    return Reply(model=model, outcome="ok", usage=usage or Usage(prompt=1000, completion=100, total=1100), **fields)


def test_the_examples_in_the_docstrings_are_true():
    """Run the examples of the docstrings."""
    assert sum(doctest.testmod(module).failed for module in (rates, names)) == 0


def test_built_in_table():
    """USD per million tokens: input, cached input, written for minutes and for an hour, output; then of long prompts."""
    shown = {model: " ".join(str(price.get(name, "-")) for name in PRICE_FIELDS) for model, price in BUILT_IN.items()}
    assert shown == {
        "gpt-4.1": "2 0.50 2 - 8 - - - - - -",
        "claude-sonnet-4.5": "3 0.30 3.75 6 15 200000 6 0.60 7.50 12 22.50",
        "gemini-2.5-flash": "0.30 0.03 - - 2.50 - - - - - -",
        "deepseek-v3.2": "0.28 0.028 0.28 - 0.42 - - - - - -",
    }


# --- which source decides


def test_reported_cost_comes_before_any_table():
    """The bill is right where a table may be old."""
    table = PriceTable({"claude-sonnet-4.5": {"input": Decimal(100), "output": Decimal(100)}})
    assert table.cost_usd(reply(reported_cost_usd=Decimal("0.0123"))) == Decimal("0.0123")
    assert table.cost_usd(Reply(model="x", outcome="ok", reported_cost_usd=Decimal("0.5"))) == Decimal("0.5")


def test_price_of_the_user_comes_before_the_built_in_one():
    """A price from the user's own contract overrules the list price."""
    table = PriceTable({"claude-sonnet-4.5": {"input": Decimal(1), "output": Decimal(2)}})
    assert table.cost_usd(reply()) == Decimal("0.0012")
    assert table.cost_usd(reply("gpt-4.1")) == Decimal("0.0028")


def test_built_in_price_comes_before_the_library(monkeypatch):
    """The four models of the table are priced without any package."""
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    assert TABLE.cost_usd(reply()) == Decimal("0.0045")


def test_library_prices_other_models():
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


def test_library_gets_the_time_of_the_request(monkeypatch):
    """Prices change over time: a recorded reply has the cost of its day, a new one that of today."""
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


def test_reasoning_beside_the_completion_is_passed_to_the_library():
    """Gemini counts its reasoning outside completion_tokens; it is still billed as output."""
    inside = Usage(prompt=20, completion=603, reasoning=405, total=623)
    beside = Usage(prompt=20, completion=198, reasoning=405, total=623)
    assert TABLE.cost_usd(reply(KNOWN_ELSEWHERE, beside)) == TABLE.cost_usd(reply(KNOWN_ELSEWHERE, inside))


def test_older_library_without_prices_is_used_only_without_a_cache(monkeypatch):
    """It would bill tokens written to a cache like any token of the prompt, without saying so."""
    found = SimpleNamespace(total_price=Decimal("0.1"), model=SimpleNamespace(id=KNOWN_ELSEWHERE, name=None))
    monkeypatch.setattr(genai_prices, "calc_price", lambda *tokens, **how: found)
    assert TABLE.cost_of_tokens(KNOWN_ELSEWHERE, Usage(prompt=9, completion=1)) == Decimal("0.1")
    assert TABLE.cost_of_tokens(KNOWN_ELSEWHERE, Usage(prompt=9, completion=1, cache_write=1)) is None


# --- unknown costs


def test_unknown_name_has_no_price():
    """A relay's own model name gives None, not an error and not $0."""
    assert TABLE.cost_usd(reply("our-own-finetune")) is None


def test_counts_that_the_library_refuses_have_no_price():
    """More cached tokens than tokens make no sense, and have no price."""
    usage = Usage(prompt=10, completion=1, cached=400, total=11)
    assert TABLE.cost_usd(reply(KNOWN_ELSEWHERE, usage)) is None


def test_without_the_library_other_prices_are_unknown(monkeypatch):
    """The extra is not installed: no error, no price, and one attempt to import it."""
    tried = []

    def import_module(name):
        tried.append(name)
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(library, "import_module", import_module)
    assert [TABLE.cost_usd(reply(KNOWN_ELSEWHERE)) for _ in range(3)] == [None, None, None]
    assert tried == ["genai_prices"]


def test_without_tokens_the_cost_is_unknown():
    """The cost is unknown where a relay counts nothing, even at a known price."""
    assert TABLE.cost_usd(Reply(model="claude-sonnet-4.5", outcome="ok")) is None


def test_priced_reply_differs_only_in_its_cost():
    """Where the cost is unknown, nothing changes at all."""
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


def test_missing_price_of_a_kind_is_never_too_low():
    """Cached tokens cost at most the input price; written ones may cost twice as much, so their cost is unknown."""
    price = {"input": Decimal(3), "output": Decimal(15)}
    assert cost_of(Usage(prompt=1500, completion=300, cached=700), price) == Decimal("0.009")
    assert cost_of(Usage(prompt=1500, completion=300, cache_write=800), price) is None
    assert cost_of(Usage(prompt=1500, completion=300, cache_write=800, cache_write_1h=8), PRICE) is None


def test_model_with_free_input_has_free_caching():
    """One price of 0 is enough for a local model; its output may still have a price."""
    usage = Usage(prompt=1500, completion=300, cache_write=800, cache_write_1h=8)
    assert cost_of(usage, {"input": Decimal(0), "output": Decimal(10)}) == Decimal("0.003")


@pytest.mark.parametrize(
    ("usage", "output"),
    [
        (Usage(prompt=20, completion=198, reasoning=405, total=623), 603),
        (Usage(prompt=20, completion=603, reasoning=405, total=623), 603),
        (Usage(prompt=20, completion=198, reasoning=0, total=623), 603),
        (Usage(prompt=20, completion=198, reasoning=100, total=623), 603),
        (Usage(prompt=20, completion=198, reasoning=405, total=0), 603),
        (Usage(prompt=20, completion=198, reasoning=405, total=218), 603),
        (Usage(prompt=20, completion=198, reasoning=100, total=218), 198),
        (Usage(prompt=20, completion=198, reasoning=100, total=30), 198),
        (Usage(prompt=20, total=623), 603),
        (Usage(total=623), 0),
    ],
)
def test_tokens_only_in_the_total_are_output(usage, output):
    """20, 198, 405 and 623 are real: reasoning beside the completion. A total that is too small is ignored."""
    assert usage.output == output


def test_sum_of_usages_keeps_thoughts_outside_the_completion():
    """A total that is less than its parts must not hide the thoughts of another reply."""
    outside, inside = Usage(prompt=20, completion=198, reasoning=405, total=623), Usage(prompt=9, completion=5, total=1)
    assert (outside + inside + Usage(prompt=1, completion=50, reasoning=40, total=51)).output == 603 + 5 + 50


COUNTS = st.integers(0, 10**7)


@given(COUNTS, COUNTS, st.data())
def test_the_cost_of_two_replies_is_the_sum_of_their_costs(prompt, completion, data):
    """Exact in Decimal, and never below zero."""
    cached = data.draw(st.integers(0, prompt))
    first = Usage(prompt=prompt, completion=completion, cached=cached, total=prompt + completion)
    second = Usage(prompt=7, completion=3, total=10)
    assert cost_of(first + second, PRICE) == cost_of(first, PRICE) + cost_of(second, PRICE)
    assert cost_of(first, PRICE) >= 0


# --- prices that depend on more than the kind


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (Usage(prompt=12307, completion=550, cache_write=12304), "0.054399"),
        (Usage(prompt=12307, completion=550, cache_write=12304, cache_write_1h=12304), "0.082083"),
        (Usage(prompt=200_000, completion=2_000), "0.63"),
        (Usage(prompt=250_000, completion=2_000), "1.545"),
        (Usage(prompt=250_000, completion=2_000, cached=200_000, cache_write=50_000), "0.54"),
    ],
    ids=["written", "written for an hour", "just short", "long", "long and cached"],
)
def test_long_or_written_prompt_has_its_own_price(monkeypatch, usage, cost):
    """The first two are real bills; above 200,000 tokens all of a request costs more. The library agrees."""
    assert TABLE.cost_of_tokens("claude-sonnet-4.5", usage) == Decimal(cost)
    assert TABLE.cost_of_tokens("claude-sonnet-4.5:thinking", usage) == Decimal(cost)
    monkeypatch.setattr(table, "_built_in", lambda model: None)
    assert PriceTable({}).cost_of_tokens("claude-sonnet-4.5", usage) == Decimal(cost)


@pytest.mark.parametrize("model", ["gemini-2.5-flash", "gpt-4o-mini", "gemini-2.5-pro"])
def test_written_tokens_without_a_price_have_no_cost(model):
    """The library would bill them like any token of the prompt, and Google bills the hours that they are kept."""
    assert TABLE.cost_of_tokens(model, Usage(prompt=1000, completion=10, cache_write=500)) is None
    assert TABLE.cost_of_tokens(model, Usage(prompt=1000, completion=10)) > 0


@pytest.mark.parametrize(
    "usage",
    [
        Usage(total=100),
        Usage(completion=50),
        Usage(completion=50, total=150),
        Usage(prompt=9, completion=1, unpriced=1),
    ],
)
def test_tokens_that_were_not_counted_by_kind_have_no_cost(usage):
    """A total alone is not 0, an answer has a prompt, and sounds have prices of their own."""
    table = PriceTable({"mine": {"input": Decimal(1), "output": Decimal(1)}})
    assert [table.cost_of_tokens(model, usage) for model in ("mine", "gpt-4.1", KNOWN_ELSEWHERE)] == [None] * 3


def test_an_answer_of_no_tokens_has_no_cost():
    """Some servers count only the prompt; where answers are free, as those of embedding models, that is enough."""
    usage = Usage(prompt=1000, total=1000)
    assert TABLE.cost_usd(reply(usage=usage)) is None
    assert TABLE.cost_usd(Reply(model="claude-sonnet-4.5", outcome="empty", usage=usage)) == Decimal("0.003")
    vectors = PriceTable({"vectors": {"input": Decimal(1), "output": Decimal(0)}})
    assert vectors.cost_usd(reply("vectors", usage)) == Decimal("0.001")
    assert vectors.cost_usd(reply("openai/text-embedding-3-small", usage)) == Decimal("0.00002")


def test_zero_tokens_are_free_only_where_no_model_worked():
    """A prompt that a filter refused costs nothing with any model; an answer has tokens."""
    for model in ("gpt-4.1", "our-own-finetune"):
        assert TABLE.cost_usd(Reply(model=model, outcome="filtered", usage=Usage())) == 0
        assert TABLE.cost_usd(Reply(model=model, outcome="ok", usage=Usage())) is None


# --- a reported cost of zero


def test_reported_zero_is_believed_only_without_a_price():
    """A relay that does not know a model reports 0 for it too; a variant that is called free is free."""
    free = Decimal(0)
    assert TABLE.cost_usd(reply(reported_cost_usd=free)) is None
    assert TABLE.cost_usd(reply(KNOWN_ELSEWHERE, reported_cost_usd=free)) is None
    assert TABLE.cost_usd(reply("our-own-finetune", reported_cost_usd=free)) == 0
    assert TABLE.cost_usd(reply("deepseek/deepseek-r1:free", reported_cost_usd=free)) == 0
    assert TABLE.cost_usd(reply("deepseek/deepseek-r1:free")) is None
    assert TABLE.cost_usd(Reply(model="gpt-4.1", outcome="ok", reported_cost_usd=free)) == 0


def test_price_of_zero_agrees_with_a_reported_zero():
    """The user's own price above it does not: either may be wrong."""
    own = PriceTable({"claude-sonnet-4.5": FREE, "mine": {"input": Decimal(1), "output": Decimal(2)}})
    assert own.cost_usd(reply(reported_cost_usd=Decimal(0))) == 0
    assert own.cost_usd(reply("mine", reported_cost_usd=Decimal(0))) is None


# --- one model under many names

FREE = {"input": Decimal(0), "output": Decimal(0)}


@pytest.mark.parametrize(
    ("name", "known"),
    [
        *(
            (name, "gpt-4.1")
            for name in ("openai/gpt-4.1", "OpenAI/GPT-4.1", "openrouter/openai/gpt-4.1", "azure/gpt-4.1")
        ),
        *((name, "gpt-4.1") for name in ("gpt-4.1-2025-04-14", "openai/gpt-4.1-2025-04-14")),
        *((name, "gemini-2.5-flash") for name in ("models/gemini-2.5-flash", "google/gemini-2.5-flash")),
        *((name, "claude-sonnet-4.5") for name in ("claude-sonnet-4-5", "anthropic/claude-sonnet-4-5-20250929")),
        *(
            (name, "claude-sonnet-4.5")
            for name in ("claude-sonnet-4-5@20250929", "anthropic/claude-sonnet-4.5:thinking")
        ),
        *(
            (name, KNOWN_ELSEWHERE)
            for name in ("openai/gpt-4o-mini", "openrouter/openai/gpt-4o-mini", "models/gpt-4o-mini")
        ),
    ],
)
def test_a_provider_or_a_date_in_the_name_changes_no_price(name, known):
    """As most relays write it."""
    usage = Usage(prompt=1000, completion=100)
    assert TABLE.cost_of_tokens(name, usage) == TABLE.cost_of_tokens(known, usage) > 0


def test_the_users_table_knows_a_model_by_its_exact_name_first():
    """A relay may sell the same model at two prices."""
    own = PriceTable(
        {"gpt-4.1": {"input": Decimal(1), "output": Decimal(1)}, "Dear/gpt-4.1": PRICE, "Mine-20261101": FREE}
    )
    cost = {
        name: own.cost_of_tokens(name, Usage(prompt=1_000_000))
        for name in ("gpt-4.1", "Dear/gpt-4.1", "openai/gpt-4.1")
    }
    assert cost == {"gpt-4.1": 1, "Dear/gpt-4.1": 3, "openai/gpt-4.1": 1}
    assert own.cost_of_tokens("relay/mine-20261101", Usage(prompt=1)) == 0
    assert own.cost_of_tokens("gpt-4.1-mini", Usage(prompt=1_000_000)) == Decimal("0.4")


@pytest.mark.parametrize(
    "name",
    [
        *(
            "deepseek-r1:7b",
            "deepseek-r1:latest",
            "deepseek-v3:671b-q4_K_M",
            "llama3.1:8b-instruct-q4_K_M",
            "qwen2.5:0.5b",
        ),
        *("gpt-oss:20b", "gpt-4.1:latest", "hf.co/unsloth/DeepSeek-R1-GGUF:Q4_K_M", "ollama/deepseek-r1", "mistral:7b"),
        *(
            "deepseek-r1-distill-qwen-7b",
            "deepseek/deepseek-r1-0528-qwen3-8b",
            "DeepSeek-R1-Distill-Qwen-7B-Q4_K_M.gguf",
        ),
        *("deepseek-r1-awq", "mlx-community/DeepSeek-R1-4bit", "/models/deepseek-r1.gguf", "deepseek-r1-q8_0"),
        *(
            "openai/gpt-4.1:online",
            "openai/gpt-4.1:nitro",
            "ft:gpt-4.1-2025-04-14:acme::abc",
            "together_ai/deepseek-v3.2",
        ),
        *("deepseek-ai/DeepSeek-V3.2", "other/gpt-4.1", "gpt-4.1-finetuned"),
    ],
)
def test_local_model_or_variant_has_no_cloud_price(name):
    """A distilled, quantised or fine-tuned model is another one, and so is one that another provider sells."""
    assert TABLE.cost_of_tokens(name, Usage(prompt=1000, completion=100)) is None
    assert PriceTable({name: FREE}).cost_of_tokens(name, Usage(prompt=1000, completion=100)) == 0


# --- the most that a request can cost


def test_maximum_cost_covers_every_kind_of_token():
    """Written, and long, and for an hour where the request may ask for that."""
    most = TABLE.at_most_usd
    assert most("claude-sonnet-4.5", 1000, 100) == Decimal("0.00525")
    assert most("claude-sonnet-4.5", 1000, 100, may_write=True) == Decimal("0.0075")
    assert most("claude-sonnet-4.5", 250_000, 0) == Decimal("1.875")
    assert most("claude-haiku-4-5", 1000, 0) == Decimal("0.00125")
    assert most("claude-haiku-4-5", 1000, 0, may_write=True) == Decimal("0.002")


def test_maximum_cost_without_a_cache_price_is_twice_the_input():
    """No vendor charges more than that; a request that asks for no cache is not billed for one."""
    own = PriceTable({"mine": {"input": Decimal(3), "output": Decimal(15)}})
    assert own.at_most_usd("mine", 1000, 100) == Decimal("0.0045")
    assert own.at_most_usd("mine", 1000, 100, may_write=True) == Decimal("0.0075")


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


def test_unreadable_time_of_a_reply_does_not_end_the_run():
    """A recording that was edited by hand may have any text there."""
    cost = TABLE.cost_usd(reply(KNOWN_ELSEWHERE, at="yesterday"))
    assert cost is None or cost > 0
