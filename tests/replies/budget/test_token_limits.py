"""The worst case of a request is never below its real use."""

import json
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.replies.budget import token_limit
from pytest_graysplit.replies.budget.token_limits import ATTACHMENT_TOKENS, TOOLS_TOKENS


def a_body(content="Hi", **params):
    return {"model": "m", "messages": [{"role": "user", "content": content}], **params}


@given(st.text(max_size=200))
def test_no_prompt_has_more_tokens_than_its_bound(text):
    """A byte-level tokenizer makes at most one token per byte."""
    assert token_limit(a_body(text)).prompt > len(text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize(
    ("params", "output"),
    [
        ({"max_tokens": 100}, 100),
        ({"max_completion_tokens": 200}, 200),
        ({"max_tokens": 100, "max_completion_tokens": 200}, 200),
        ({"max_tokens": 100, "n": 3}, 300),
        ({}, None),
        ({"max_tokens": 0}, None),
        ({"max_tokens": True}, None),
        ({"max_tokens": "100"}, None),
        ({"max_tokens": 100, "n": "3"}, None),
    ],
)
def test_the_answer_is_bounded_by_the_requests_own_limit(params, output):
    """The larger of two limits, times the number of answers; there is no bound without a usable limit."""
    assert token_limit(a_body(**params)).output == output


def test_tools_and_schemas_count():
    """They are billed as part of the prompt, tools with the vendor's own words around them."""
    schema = {"type": "json_schema", "json_schema": {"name": "x" * 500}}
    tools = [{"type": "function", "function": {"name": "y" * 500}}]
    plain = token_limit(a_body()).prompt
    assert token_limit(a_body(response_format=schema)).prompt >= plain + 500
    assert token_limit(a_body(tools=tools)).prompt >= plain + 500 + TOOLS_TOKENS


@pytest.mark.parametrize("url", ["https://example.org/a.png", "data:image/png;base64," + "A" * 400_000])
def test_image_has_a_fixed_allowance(url):
    """Neither its address nor its bytes show its size in pixels; the text beside it counts as usual."""
    parts = [{"type": "text", "text": "z" * 300}, {"type": "image_url", "image_url": {"url": url}}]
    most = token_limit(a_body(parts)).prompt
    assert ATTACHMENT_TOKENS + 300 < most < ATTACHMENT_TOKENS + 1000


def test_file_counts_with_an_allowance_in_an_estimate_and_with_its_content_when_it_is_sent():
    """Before the run there is only the reference to its content; a bound counts every byte that is sent."""
    sizes = []
    for data in ("attached:application/pdf;bytes=9;sha256=00", "data:application/pdf;base64," + "A" * 400_000):
        parts = [{"type": "file", "file": {"filename": "a.pdf", "file_data": data}}]
        sizes.append(token_limit({"messages": [{"role": "user", "content": parts}]}).prompt)
    assert ATTACHMENT_TOKENS < sizes[0] < ATTACHMENT_TOKENS + 200
    assert sizes[1] > 400_000


def test_text_beside_an_image_counts_in_every_message():
    """Also in messages that are plain texts, and in any mapping of a hook."""
    image = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    messages = [
        {"role": "system", "content": "s" * 200},
        MappingProxyType({"role": "user", "content": [image, {"type": "text", "text": "u" * 300}, image]}),
    ]
    most = token_limit({"model": "m", "messages": messages, "metadata": MappingProxyType({"k": "v" * 400})}).prompt
    assert 2 * ATTACHMENT_TOKENS + 900 < most < 2 * ATTACHMENT_TOKENS + 1400


def test_embeddings_have_no_answer_to_bound():
    """Only their input is billed."""
    body = {"model": "m", "input": ["one", "two"]}
    assert token_limit(body, "embeddings") == (len(json.dumps(body)), 0, False)


@pytest.mark.parametrize(
    ("params", "output"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 1000}}, 1006),
        ({"reasoning": {"max_tokens": 2000}}, 2006),
        ({"extra_body": {"google": {"thinking_config": {"thinking_budget": 500}}}}, 506),
        ({"reasoning": {"effort": "high"}, "n": 2}, 12),
        ({"tools": [{"function": {"parameters": {"thinking_budget": 900}}}]}, 6),
    ],
)
def test_budget_of_thoughts_is_added_to_the_limit(params, output):
    """Some relays count it beside max_tokens; a field of that name in a tool's schema is ignored."""
    assert token_limit(a_body(max_tokens=6, **params)).output == output


def test_request_that_asks_for_a_cache_may_write():
    """Writing to it costs more than reading."""
    kept = [{"type": "text", "text": "long", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    assert token_limit(a_body(kept)).may_write
    assert token_limit(a_body(tools=[{"cache_control": {}}])).may_write
    assert not token_limit(a_body("cache_control")).may_write
