"""Equal requests share one hash, different ones do not, and no spelling of a secret survives redaction."""

import base64
import json
import re
from dataclasses import fields, replace
from types import MappingProxyType
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.replies.fingerprint import canonical, redact_json, redact_reply, redactor, request_hash, unchanged
from pytest_graysplit.types import Reply, ToolCall

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
bodies = st.dictionaries(st.text(), json_values, max_size=5)
secrets = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=8, max_size=40)


def shuffled(value):
    """The same value, with names in the opposite order and whole numbers as floats."""
    if isinstance(value, dict):
        return {name: shuffled(value[name]) for name in reversed(list(value))}
    if isinstance(value, list):
        return tuple(shuffled(part) for part in value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53:
        return float(value)
    return value


@given(bodies)
def test_equal_requests_share_a_hash(body):
    """Neither the order of names, nor 1 or 1.0, nor a tuple for a list makes a request another one."""
    assert request_hash(body) == request_hash(shuffled(body))


@given(bodies, bodies)
def test_different_requests_have_different_hashes(one, other):
    """A difference that a relay would see changes the hash."""
    assert (canonical(one) == canonical(other)) == (request_hash(one) == request_hash(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"seed": 42}, {"seed": 43}),
        ({"seed": 1}, {"seed": True}),
        ({"seed": 0}, {"seed": False}),
        ({"stop": None}, {}),
        ({"stop": "1"}, {"stop": 1}),
        ({"messages": [1, 2]}, {"messages": [2, 1]}),
    ],
)
def test_what_changes_the_answer_changes_the_hash(one, other):
    """Values that only look alike have different hashes."""
    assert request_hash(one) != request_hash(other)


def test_the_hash_is_the_same_on_every_machine():
    """A committed recording is found by any later version: the hash is pinned."""
    body = {"model": "a", "messages": [{"role": "user", "content": "Grüße"}], "temperature": 0.0, "seed": 42}
    assert canonical(body) == '{"messages":[{"content":"Grüße","role":"user"}],"seed":42,"temperature":0}'.encode()
    assert request_hash(body) == request_hash({**body, "model": "b"}) == "7c3086a6f727dc3c"


def test_frozen_mappings_and_lone_surrogates_are_hashed():
    """A read-only mapping is a mapping, and a lone surrogate must not stop a run."""
    assert canonical({"a": MappingProxyType({"b": "\ud800"})}) == rb'{"a":{"b":"\ud800"}}'


@given(secrets, st.text(max_size=9), st.text(max_size=9))
def test_no_spelling_of_a_secret_survives(secret, before, after):
    """Plain, in JSON, in an address or inside base64 text, a secret is blanked."""
    redact = redactor([secret])
    escaped = quote(secret, safe="")
    lower = re.sub("%..", lambda code: code[0].lower(), escaped)
    for spelled in (secret, json.dumps(secret)[1:-1], escaped, lower):
        assert spelled not in redact(f"{before}{spelled}{after}")
    for user in ("", "u", "me"):
        credentials = base64.b64encode(f"{user}:{secret}:x".encode()).decode()
        assert "[redacted]" in redact(f"Basic {credentials}")


def test_redaction_leaves_everything_else_alone():
    """Words around a secret stay, a longer secret goes before a shorter one inside it, extra steps come last."""
    redact = redactor(["key-12345678", "key-12345678-long", ""], extra=[lambda text: text.replace("Ann", "N.")])
    assert redact("Ann has key-12345678-long and key-12345678!") == "N. has [redacted] and [redacted]!"


def test_redactor_without_secrets_is_the_identity():
    """A run without a key does not pay for looking for one."""
    assert redactor([""]) is unchanged
    assert unchanged("text") == "text"


def test_redaction_reaches_every_text_of_a_value():
    """Values, names of fields and lists are redacted; numbers stay numbers."""
    redact = redactor(["12345678"])
    value = {"a": ["x12345678", 12345678, None], "12345678": ("12345678",)}
    assert redact_json(value, redact) == {"a": ["x[redacted]", 12345678, None], "[redacted]": ["[redacted]"]}


def test_every_text_field_of_a_reply_is_redacted():
    """A field that is added to the reply later is redacted, too, unless it is named as ours."""
    ours = {"model", "outcome", "error_slug", "error_kind", "at"}
    texts = {field.name for field in fields(Reply) if "str" in str(field.type) or "Outcome" in str(field.type)}
    reply = Reply(**{"outcome": "ok", **dict.fromkeys(texts - {"outcome", "retried"}, "a secret")})
    call = ToolCall("a secret", {"secret": ["secret", 17, True]}, "secret", "secret")
    clean = redact_reply(replace(reply, tool_calls=(call,)), lambda text: re.sub("secret|17", "*", text))
    assert {name for name in texts if getattr(clean, name) == "a *"} == texts - ours - {"retried"}
    assert clean.tool_calls == (ToolCall("a *", {"*": ["*", "*", True]}, "*", "*"),)
    kept = redact_reply(reply, lambda text: "*", frozenset({"text"}))
    assert (kept.text, kept.served_model) == ("a secret", "*")
    assert redact_reply(reply, unchanged) is reply
