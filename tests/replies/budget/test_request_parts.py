"""The worst case of requests to other routes than chat: the cap must hold for an application too."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.replies.budget import token_limit
from pytest_graysplit.replies.budget.request_parts import unbounded_part
from pytest_graysplit.replies.budget.token_limits import ATTACHMENT_TOKENS, TOOLS_TOKENS, VENDOR_TOOL_TOKENS

LONG = "A" * 400_000
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": LONG}}


def asked(content="Hi", route="responses", **more):
    items = [{"role": "user", "content": content}]
    return {"model": "m", "input" if route == "responses" else "messages": items, **more}


def unbounded(route, content="Hi", **more):
    return unbounded_part(asked(content, route, **more), route)


@given(st.text(max_size=200), st.sampled_from(["input", "instructions", "system"]))
def test_no_prompt_has_more_tokens_than_its_bound(text, field):
    """Every field with words of the user counts in full."""
    route = "messages" if field == "system" else "responses"
    assert token_limit({"model": "m", field: text}, route).prompt > len(text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize(
    ("route", "params", "output"),
    [
        ("responses", {"max_output_tokens": 100}, 100),
        ("responses", {"max_tokens": 100}, None),
        ("responses", {"max_completion_tokens": 100}, None),
        ("messages", {"max_tokens": 100}, 100),
        ("messages", {"max_output_tokens": 100}, None),
        ("messages", {"max_tokens": 100, "thinking": {"type": "enabled", "budget_tokens": 50}}, 150),
        ("responses", {"max_output_tokens": 100, "n": "3"}, 100),
        ("chat", {"max_output_tokens": 100}, None),
        ("embeddings", {}, 0),
    ],
)
def test_only_the_limit_that_the_route_reads_counts(route, params, output):
    """A server ignores the limit of another route, and answers at any length."""
    assert token_limit(asked(route=route, **params), route).output == output


@pytest.mark.parametrize(
    ("route", "content"),
    [
        ("messages", [IMAGE, {"type": "text", "text": "z" * 300}]),
        ("messages", [{"type": "tool_result", "content": [IMAGE, {"type": "text", "text": "z" * 300}]}]),
        ("responses", [{"type": "input_image", "image_url": LONG}, {"type": "input_text", "text": "z" * 300}]),
        ("responses", [{"type": "input_image", "file_id": "f"}, {"type": "input_text", "text": "z" * 300}]),
    ],
)
def test_image_has_a_fixed_allowance(route, content):
    limit = token_limit(asked(content, route), route)
    assert ATTACHMENT_TOKENS + 300 < limit.prompt < ATTACHMENT_TOKENS + 1000
    assert unbounded(route, content) == ""


def test_image_in_the_output_of_a_tool_has_a_fixed_allowance():
    output = {"type": "function_call_output", "output": [{"type": "input_image", "image_url": LONG}]}
    assert ATTACHMENT_TOKENS < token_limit({"input": [output]}, "responses").prompt < ATTACHMENT_TOKENS + 500


@pytest.mark.parametrize("part", [{"type": "input_file", "file_data": LONG}, IMAGE | {"type": "document"}])
def test_file_counts_with_its_content_and_as_a_page(part):
    """A page is billed as its text and as an image of it."""
    route = "messages" if part["type"] == "document" else "responses"
    assert token_limit(asked([part], route), route).prompt > len(LONG) + ATTACHMENT_TOKENS


@pytest.mark.parametrize("value", [LONG, [{"type": "image", "text": LONG}]])
def test_arguments_of_a_call_count_in_full(value):
    """They are words of the model, even where they look like an image."""
    call = {"type": "tool_use", "name": "draw", "input": {"parts": value}}
    assert token_limit(asked([call], "messages"), "messages").prompt > len(LONG)


def test_deep_content_counts_in_full():
    deep = [IMAGE]
    for _ in range(50):
        deep = [{"type": "tool_result", "content": deep}]
    assert token_limit(asked(deep, "messages"), "messages").prompt > len(LONG)


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": {"id": "conv_1"}}, "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"tools": [{"type": "web_search"}]}, "the tool web_search"),
        ({"tools": [{"type": "function", "name": "f"}, {"type": "mcp"}]}, "the tool mcp"),
        ({"tools": ["?"]}, "the tool of an unknown kind"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "item_reference"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]}, "file_id"),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_url": "f"}]}]}, "file_url"),
        ({"service_tier": "priority"}, "service_tier priority"),
        ({"tools": [{"type": "function", "name": "f"}], "previous_response_id": None, "service_tier": "auto"}, ""),
    ],
)
def test_content_at_the_server_has_no_bound_in_responses(part, named):
    """The request does not show how long it is, so a cap cannot be kept."""
    assert unbounded("responses", **part) == named


@pytest.mark.parametrize(
    ("content", "more", "named"),
    [
        ("Hi", {"mcp_servers": [{"type": "url", "url": "https://tools.example"}]}, "mcp_servers"),
        ("Hi", {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "the tool web_search_20250305"),
        ("Hi", {"speed": "fast"}, "speed fast"),
        (
            [{"type": "document", "source": {"type": "url", "url": "https://a.example/b.pdf"}}],
            {},
            "document from a url",
        ),
        ([{"type": "document", "source": {"type": "file", "file_id": "f"}}], {}, "document from a file"),
        ([{"type": "image", "source": {"type": "url", "url": "https://a.example/b.png"}}], {}, ""),
        ("Hi", {"tools": [{"name": "f", "input_schema": {}}, {"type": "bash_20250124", "name": "bash"}]}, ""),
    ],
)
def test_content_at_the_server_has_no_bound_in_messages(content, more, named):
    assert unbounded("messages", content, **more) == named


@pytest.mark.parametrize(
    ("content", "more", "named"),
    [
        ("Hi", {"web_search_options": {"search_context_size": "low"}}, "web_search_options"),
        ("Hi", {"models": ["gpt-4.1", "o3"]}, "models"),
        ("Hi", {"service_tier": "priority"}, "service_tier priority"),
        ([{"type": "file", "file": {"file_id": "f"}}], {}, "file_id"),
        ([{"type": "file", "file": {"file_data": LONG}}], {}, ""),
        ("Hi", {"tools": [{"type": "function", "function": {"name": "file_id"}}]}, ""),
    ],
)
def test_content_at_the_server_has_no_bound_in_chat(content, more, named):
    assert unbounded("chat", content, **more) == named


def test_tools_count_with_the_words_of_the_vendor():
    plain = token_limit(asked(route="messages"), "messages").prompt
    own = token_limit(asked(route="messages", tools=[{"name": "f"}]), "messages").prompt
    bash = token_limit(asked(route="messages", tools=[{"type": "bash_20250124", "name": "bash"}]), "messages").prompt
    assert plain + TOOLS_TOKENS < own < plain + TOOLS_TOKENS + 100
    assert bash > plain + TOOLS_TOKENS + VENDOR_TOOL_TOKENS


@pytest.mark.parametrize("marked", [{"cache_control": {"type": "ephemeral"}}, {"system": [{"cache_control": {}}]}])
def test_prompt_that_is_written_to_a_cache_is_dearer(marked):
    assert token_limit(asked(route="messages", **marked), "messages").may_write
    assert not token_limit(asked(route="messages"), "messages").may_write
