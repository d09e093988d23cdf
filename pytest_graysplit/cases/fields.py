"""From fields to a case, the same for a line of a case file and for the marker."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from typing import TYPE_CHECKING, Any

from pytest_graysplit.cases import field_types
from pytest_graysplit.cases.expect_fields import EXPECT_FIELDS, read_expect
from pytest_graysplit.cases.field_types import FieldLocation, Fields, reject_unknown
from pytest_graysplit.cases.json_field_rules import read_json_fields
from pytest_graysplit.cases.json_fields.matching import paths_of
from pytest_graysplit.cases.json_fields.rules import ignores_all
from pytest_graysplit.cases.message_fields import PROMPT, read_conversation
from pytest_graysplit.cases.turn_fields import read_turns
from pytest_graysplit.errors import Slug
from pytest_graysplit.types import JSON_FIELDS, Case

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_graysplit.cases.attachments import Attachments
    from pytest_graysplit.types import Expect, Json, Message, Turn

MARKER_FIELDS = (
    "prompt", "messages", "system", "params", "expect", "rubric", "min_similarity", "metric", "json_fields",
    "max_latency_s", "max_ttft_s", "max_latency_ratio", "max_cost_usd", "samples", "tags", "cluster", "must_pass",
    "turns",
)  # fmt: skip
CASE_FIELDS = ("id", *MARKER_FIELDS)

_REQUEST_PARAMS = (
    "temperature", "top_p", "max_tokens", "max_completion_tokens", "seed", "stop", "response_format", "tools",
    "tool_choice", "reasoning_effort", "presence_penalty", "frequency_penalty",
)  # fmt: skip
_REMEDIES = {
    **{name: f'it is a request parameter: write params: {{"{name}": ...}}' for name in _REQUEST_PARAMS},
    **{
        name: f'it belongs in expect: write expect: {{"{name}": ...}}'
        for name in EXPECT_FIELDS
        if name not in CASE_FIELDS
    },
    # Unknown only in the marker.
    "id": "pytest names the test: write pytest.param(..., id=...) to name it yourself",
    "asserts": "it is about the body of a test: write @pytest.mark.graysplit(asserts=True)",
    "model": "models are named once for all cases, by --graysplit-control and --graysplit-treatment",
}


def build_case(
    fields: Mapping[str, object],
    *,
    where: str,
    id: str = "",  # noqa: A002  # users know it as id
    allowed: Sequence[str] = CASE_FIELDS,
    attachments: Attachments | None = None,
) -> Case:
    """Check the fields and build the case; raise UsageError that names place, field and remedy.

    A field that is None counts as missing. The id is the field `id`, else the argument `id`, else made from the
    messages. `attachments` reads the files that messages name; without it their paths stay, to be written again.
    """
    location = FieldLocation(where, "")
    reject_unknown(list(fields), allowed, location, _REMEDIES)
    given = Fields(fields, location)
    messages, turns = _messages(given, location)
    read = {name: value for name, kind in _KINDS.items() if (value := given.read(name, kind)) is not None}
    if "json_fields" in read:
        _check_json_fields(read, location, is_conversation=bool(turns))
        read["metric"] = JSON_FIELDS
    if "max_ttft_s" in read:
        read["params"] = _streaming(given, read.get("params", {}), location)
    own_id = given.read("id", _id) or id or id_of(messages, [turn.message for turn in turns[1:]])
    case = Case(id=own_id, messages=messages, turns=turns, where=where, **read)
    if attachments is None:
        return case
    return attachments.attached(case, location, is_system_apart="system" in given.values)


def id_of(messages: Sequence[Message], following: Sequence[Message] = ()) -> str:
    """Make an id from the messages, and the later ones of a script: readable, and independent of the position.

    A line number would change with every line inserted above, and recordings are found by id.
    """
    canonical = json.dumps([*messages, *following], sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(canonical.encode()).hexdigest()[:8]
    prompt = Case(id="", messages=tuple(messages)).prompt
    plain = unicodedata.normalize("NFKD", prompt[:400]).encode("ascii", "ignore").decode().lower()
    words = "-".join(re.findall(r"[a-z0-9]+", plain)[:6])[:40].strip("-")
    return f"{words or 'case'}-{digest}"


def fields_of(messages: Sequence[Mapping[str, Json]]) -> dict[str, Json]:
    """Return the shortest fields for the messages: a prompt, a prompt with a system message, or the messages."""
    if all(set(message) == {"role", "content"} and _is_text(message["content"]) for message in messages):
        roles = [message["role"] for message in messages]
        if roles == ["user"]:
            return {"prompt": messages[0]["content"]}
        if roles == ["system", "user"]:
            return {"system": messages[0]["content"], "prompt": messages[1]["content"]}
    return {"messages": [dict(message) for message in messages]}


def _is_text(content: Json) -> bool:
    return isinstance(content, str) and bool(content.strip())


def _id(location: FieldLocation, value: object) -> str:
    text = field_types.read_text(location, value).strip()
    if "::" in text or not text.isprintable():
        raise location.expected("a text on one line, without ::", value, "pytest selects a case as file::id")
    return text


def _params(location: FieldLocation, value: object) -> dict[str, Json]:
    params = field_types.read_table(location, value)
    for name in ("model", "messages"):
        if name in params:
            problem = f"sets {name}, which the arm and the case decide"
            raise location.inside(name).refuse(problem, "remove it", Slug.CASE_FIELD_CLASH)
    # As everywhere, null means "not given": it removes a default, and relays reject null.
    return {name: entry for name, entry in params.items() if entry is not None}


def _check_json_fields(read: Mapping[str, Any], location: FieldLocation, *, is_conversation: bool) -> None:
    expect: Expect | None = read.get("expect")
    problem = hint = ""
    if is_conversation:
        problem, hint = "the case has turns", "it compares single answers: use metric: json, or expect of a turn"
    elif read.get("metric") not in (None, JSON_FIELDS):
        problem, hint = "the case has a metric too", "json_fields compares the answers: remove metric"
    elif expect is not None and expect.reference is not None:
        problem, hint = "expect.reference is compared as a whole", "put the expected values into expect.json instead"
    elif (
        expect is not None
        and isinstance(expect.json, dict | list)
        and ignores_all(read["json_fields"], paths_of(expect.json))
    ):
        problem, hint = "it ignores all fields of expect.json", "then nothing is checked: compare at least one of them"
    if problem:
        raise location.inside("json_fields").refuse(problem, hint, Slug.CASE_FIELD_CLASH)


def _streaming(given: Fields, params: dict[str, Json], location: FieldLocation) -> dict[str, Json]:
    """Return the parameters of a request that streams, because only a stream shows when its first token arrives."""
    if params.get("stream", True) is not True:
        hint = "remove stream from params: the time to the first token needs a stream"
        problem = "params.stream is not true"
        raise location.inside("max_ttft_s").refuse(problem, hint, Slug.CASE_FIELD_CLASH)
    own = given.values.get("params")
    # Without this option a stream ends without its tokens, and its cost is unknown. null leaves the option out.
    says_so = isinstance(own, dict) and "stream_options" in own
    usage: dict[str, Json] = {} if says_so else {"stream_options": {"include_usage": True}}
    return {**usage, **params, "stream": True}


def _rubric(location: FieldLocation, value: object) -> tuple[str, ...]:
    criteria = tuple(criterion.strip() for criterion in field_types.read_texts(location, value))
    for number, criterion in enumerate(criteria):
        if criterion in criteria[:number]:
            problem = f"{field_types.format_value(criterion)} is there twice"
            raise location.inside(number).refuse(problem, "keep one of the two", Slug.CASE_FIELD_CLASH)
    return criteria


def _messages(given: Fields, location: FieldLocation) -> tuple[tuple[Message, ...], tuple[Turn, ...]]:
    """Return the messages of the first request, and the turns of a conversation."""
    names = [name for name in ("prompt", "messages", "turns") if name in given.values]
    if not names:
        raise location.refuse("no prompt", PROMPT, Slug.CASE_PROMPT_MISSING)
    if len(names) > 1:
        raise location.refuse(f"both {names[0]} and {names[1]}", "keep one of the two", Slug.CASE_FIELD_CLASH)
    if turns := given.read("turns", read_turns) or ():
        return _with_system(given, location, [turns[0].message]), turns
    prompt = given.read("prompt", field_types.read_text)
    messages = given.read("messages", read_conversation) or [{"role": "user", "content": prompt}]
    return _with_system(given, location, messages), ()


def _with_system(given: Fields, location: FieldLocation, messages: Sequence[Message]) -> tuple[Message, ...]:
    system = given.read("system", field_types.read_text)
    if system is None:
        return tuple(messages)
    if any(message["role"] in ("system", "developer") for message in messages):
        hint = "keep the one in messages, or write system: null"
        raise location.inside("system").refuse("messages hold a system message already", hint, Slug.CASE_FIELD_CLASH)
    return ({"role": "system", "content": system}, *messages)


# The fields that go into the Case as they are read, under the same names; a missing one keeps the default.
_KINDS: Mapping[str, Callable[[FieldLocation, object], Any]] = {
    "params": _params,
    "expect": read_expect,
    "rubric": _rubric,
    "min_similarity": field_types.read_threshold,
    "metric": field_types.read_text,
    "json_fields": read_json_fields,
    "max_latency_s": field_types.read_positive,
    "max_ttft_s": field_types.read_positive,
    "max_latency_ratio": field_types.read_positive,
    "max_cost_usd": field_types.read_positive,
    "samples": field_types.read_count,
    "tags": field_types.read_labels,
    "cluster": field_types.read_text,
    "must_pass": field_types.read_switch,
}
