"""Fields of messages: mistyped ones are named with their location, and those of other servers are sent unchanged."""

import pytest

from pytest_graysplit.cases.fields import build_case
from pytest_graysplit.errors import UsageError

WHERE = "support.jsonl:3"
ROLES = "known here: system, developer, user, assistant, tool, function"
PROMPT = 'write prompt: "your text", or messages: [{"role": "user", "content": "your text"}]'
PART = 'write {"type": "text", "text": "your text"}'
TYPES = (
    "known here: text, refusal, image_url, video_url, audio_url, input_audio, file; "
    "a type unlike all known ones is sent unchanged"
)
CALL = 'write {"id": "...", "type": "function", "function": {"name": "...", "arguments": "{}"}}'


def nearest_hint(name):
    return f"write {name}; names unlike all known ones are sent unchanged"


REFUSED = [
    ({"role": "usr", "content": "a"}, ".role: unknown role 'usr', did you mean user?", ROLES, "case-field-type"),
    ({"role": "USER", "content": "a"}, ".role: unknown role 'USER', did you mean user?", ROLES, "case-field-type"),
    ({"role": "human", "content": "a"}, ".role: unknown role 'human', did you mean user?", ROLES, "case-field-type"),
    ({"role": "assitant", "content": "a"}, ".role: unknown role 'assitant', did you mean assistant?", ROLES,
     "case-field-type"),
    ({"role": "zzz", "content": "a"}, ".role: unknown role 'zzz'", ROLES, "case-field-type"),
    ({"rol": "user", "content": "a"}, ".rol: unknown field, did you mean role?", nearest_hint("role"), "case-field-unknown"),
    ({"role": "user", "contents": "a"}, ".contents: unknown field, did you mean content?", nearest_hint("content"),
     "case-field-unknown"),
    ({"role": "assistant", "toolCalls": []}, ".toolCalls: unknown field, did you mean tool_calls?",
     nearest_hint("tool_calls"), "case-field-unknown"),
    ({"role": "user", "text": "a"}, ".content: no content; text is sent as it is, did you mean content?", PROMPT,
     "case-prompt-missing"),
    ({"role": "user"}, ".content: no content", PROMPT, "case-prompt-missing"),
    ({"role": "system", "content": []}, ".content: no content", PROMPT, "case-prompt-missing"),
    ({"role": "user", "content": {"text": "a"}},
     ".content: expected a text, a list of parts or null, got {'text': 'a'}",
     "content is the text of the message, or null if an assistant message only calls tools", "case-field-type"),
    ({"role": "user", "content": [7]}, ".content[0]: expected a part of a message, got 7", PART, "case-field-type"),
    ({"role": "user", "content": [{"type": "text", "content": "a"}]},
     ".content[0].text: expected a text, got None", PART, "case-field-type"),
    ({"role": "assistant", "tool_calls": {"id": "1"}}, ".tool_calls: expected a list of calls, got {'id': '1'}",
     "write a list, or leave the field out", "case-field-type"),
    ({"role": "user", "content": [{"type": "txt", "text": "a"}]},
     ".content[0].type: unknown type 'txt', did you mean text?", TYPES, "case-field-type"),
    ({"role": "user", "content": [{"type": "image-url", "image_url": {"url": "data:,"}}]},
     ".content[0].type: unknown type 'image-url', did you mean image_url?", TYPES, "case-field-type"),
    ({"role": "user", "content": [{"txt": "a"}]}, ".content[0]: no type", PART, "case-field-type"),
    ({"role": "user", "content": [{"type": 7}]}, ".content[0].type: expected a text, got 7", "put the value in quotes",
     "case-field-type"),
    ({"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url", "url": "data:,"}]},
     ".content[1].image_url: expected an object with a url, got None", 'write "image_url": {"url": "https://..."}',
     "case-field-type"),
    ({"role": "user", "content": [{"type": "image_url", "image_url": {"uri": "data:,"}}]},
     ".content[0].image_url: expected an object with a url, got {'uri': 'data:,'}",
     'write "image_url": {"url": "https://..."}', "case-field-type"),
    ({"role": "user", "content": [{"type": "input_audio", "input_audio": "UklGRg=="}]},
     ".content[0].input_audio: expected an object, got 'UklGRg=='",
     'write "input_audio": {...}, as its server describes it', "case-field-type"),
    ({"role": "tool", "content": "a"}, ": no tool_call_id",
     "name the call that it answers: the id of one in tool_calls above it", "case-field-type"),
    ({"role": "function", "content": "a"}, ": no name", "name the function that was called", "case-field-type"),
    ({"role": "user", "content": "a", "tool_calls": [{"id": "1"}]}, ".tool_calls: a message of user calls no tools",
     'calls belong in messages of "role": "assistant"', "case-field-type"),
    ({"role": "assistant", "tool_calls": ["f"]}, ".tool_calls[0]: expected a call, got 'f'", CALL, "case-field-type"),
    ({"role": "assistant", "tool_calls": [{"function": "f"}]},
     ".tool_calls[0].function: expected an object with a name, got 'f'", CALL, "case-field-type"),
    ({"role": "user", "content": "a", "name": 7}, ".name: expected a text, got 7", "put the value in quotes",
     "case-field-type"),
]  # fmt: skip


@pytest.mark.parametrize(("message", "problem", "hint", "slug"), REFUSED)
def test_mistyped_field_is_named_with_its_location(message, problem, hint, slug):
    """File, line and path, such as messages[1].role, with the most similar name."""
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
    {"role": "tool", "content": [{"type": "text", "text": "a"}], "tool_name": "f"},
    {"role": "user", "content": [{"image_url": {"url": "data:,"}}, {"text": "a"}]},
    {"role": "user", "content": [{"type": "image_url", "image_url": "data:,"}, {"type": "input_text", "text": "a"}]},
    {"role": "user", "content": [{"type": "file", "file": {"file_id": "x"}}, {"type": "x_vendor"}]},
    {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}]},
    {"role": "assistant", "content": "", "tool_calls": [{"type": "custom", "custom": {"name": "f", "input": "a"}}]},
    {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}], "content": "a"},
    {"role": "user", "content": "a", "agent_name": "b", "x_vendor": 1, "do_not_log": True},
])  # fmt: skip
def test_fields_of_other_servers_are_sent_unchanged(message):
    """Servers extend the protocol: only names that look mistyped are rejected."""
    assert build_case({"messages": [message]}, where=WHERE).messages == (message,)
