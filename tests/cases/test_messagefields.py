"""Fields of messages: mistyped ones are named with their place, those of other servers are sent as they are."""

import pytest

from pytest_graysplit.cases.fields import build_case
from pytest_graysplit.errors import UsageError

WHERE = "support.jsonl:3"
ROLES = "known here: system, developer, user, assistant, tool, function"
PROMPT = 'write prompt: "your text", or messages: [{"role": "user", "content": "your text"}]'
PART = 'write {"type": "text", "text": "your text"}'


def near(name):
    return f"write {name}; names that are like no known one are sent as they are"


REFUSED = [
    ({"role": "usr", "content": "a"}, ".role: unknown role 'usr', did you mean user?", ROLES, "case-field-type"),
    ({"role": "USER", "content": "a"}, ".role: unknown role 'USER', did you mean user?", ROLES, "case-field-type"),
    ({"role": "human", "content": "a"}, ".role: unknown role 'human', did you mean user?", ROLES, "case-field-type"),
    ({"role": "assitant", "content": "a"}, ".role: unknown role 'assitant', did you mean assistant?", ROLES,
     "case-field-type"),
    ({"role": "zzz", "content": "a"}, ".role: unknown role 'zzz'", ROLES, "case-field-type"),
    ({"rol": "user", "content": "a"}, ".rol: unknown field, did you mean role?", near("role"), "case-field-unknown"),
    ({"role": "user", "contents": "a"}, ".contents: unknown field, did you mean content?", near("content"),
     "case-field-unknown"),
    ({"role": "assistant", "toolCalls": []}, ".toolCalls: unknown field, did you mean tool_calls?",
     near("tool_calls"), "case-field-unknown"),
    ({"role": "user", "text": "a"}, ".content: no content; text is sent as it is, did you mean content?", PROMPT,
     "case-prompt-missing"),
    ({"role": "user"}, ".content: no content", PROMPT, "case-prompt-missing"),
    ({"role": "system", "content": []}, ".content: no content", PROMPT, "case-prompt-missing"),
    ({"role": "user", "content": {"text": "a"}},
     ".content: expected a text, a list of parts or null, got {'text': 'a'}",
     "content is what was said; null where an assistant message only calls tools", "case-field-type"),
    ({"role": "user", "content": [7]}, ".content[0]: expected a part of a message, got 7", PART, "case-field-type"),
    ({"role": "user", "content": [{"type": "text", "content": "a"}]},
     ".content[0].text: expected a text, got None", PART, "case-field-type"),
    ({"role": "assistant", "tool_calls": {"id": "1"}}, ".tool_calls: expected a list of calls, got {'id': '1'}",
     "write a list, or leave the field out", "case-field-type"),
    ({"role": "user", "content": "a", "name": 7}, ".name: expected a text, got 7", "put the value in quotes",
     "case-field-type"),
]  # fmt: skip


@pytest.mark.parametrize(("message", "problem", "hint", "slug"), REFUSED)
def test_a_field_that_is_mistyped_is_named_with_its_place(message, problem, hint, slug):
    """File, line and path, such as messages[1].role, with the nearest name."""
    with pytest.raises(UsageError) as caught:
        build_case({"messages": [{"role": "user", "content": "Hi"}, message]}, where=WHERE)
    error = caught.value
    assert (error.problem, error.hint, error.slug) == (f"{WHERE}: messages[1]{problem}", hint, slug)


@pytest.mark.parametrize("message", [
    {"role": "user", "content": "a", "name": "Ada", "cache_control": {"type": "ephemeral"}},
    {"role": "user", "content": ["a", {"type": "image_url", "image_url": {"url": "data:,"}}]},
    {"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]},
    {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}], "refusal": None, "audio": {"id": "x"}},
    {"role": "assistant", "content": "a", "reasoning_content": "b", "reasoning": "c", "prefix": True},
    {"role": "assistant", "content": "a", "thinking_blocks": [], "provider_specific_fields": {}},
    {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
    {"role": "tool", "content": "a", "tool_call_id": "1"},
    {"role": "function", "content": None, "name": "f"},
    {"role": "developer", "content": "a"},
    {"role": "user", "content": "a", "agent_name": "b", "x_vendor": 1, "do_not_log": True},
])  # fmt: skip
def test_what_servers_accept_is_sent_as_it_is(message):
    """The protocol has grown, and servers extend it: only what looks mistyped is refused."""
    assert build_case({"messages": [message]}, where=WHERE).messages == (message,)
