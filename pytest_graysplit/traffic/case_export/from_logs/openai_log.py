"""Requests and answers in the form of OpenAI: pairs, batch lines, stored completions, and fine-tuning examples."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pytest_graysplit.traffic.case_export.from_logs.call import (
    PARAMS,
    LeftOutError,
    LoggedCall,
    completion,
    messages_of,
    moment_of,
    number_of,
    sent_params,
)
from pytest_graysplit.traffic.case_export.from_logs.entries import Entry, decoded

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "openai"
NOUN = ("OpenAI request", "OpenAI requests")
_REQUESTS = ("request", "request_body", "body", "input_body")
_ANSWERS = ("response", "response_body", "completion", "answer", "output")
# Names of a latency, and the seconds in one unit of it.
_LATENCIES = (("latency_s", 1.0), ("latency_ms", 0.001), ("duration_s", 1.0), ("duration_ms", 0.001))
_GONE_WRONG = 400


def is_like(fields: dict[str, Any]) -> bool:
    """Tell whether an entry has this form."""
    named = any(isinstance(decoded(fields.get(name)), dict) for name in _REQUESTS)
    return named or isinstance(decoded(fields.get("messages")), list) or "custom_id" in fields or "choices" in fields


class BatchLines:
    """Lines of batch files that wait for the line with the same custom_id: the request, or the answer to it."""

    def __init__(self) -> None:
        self._requests: dict[str, Entry] = {}
        self._answers: dict[str, Entry] = {}

    def joined(self, entry: Entry) -> Entry | None:
        """Return an entry with request and answer, or None while it is only a half."""
        fields = entry.fields
        if "custom_id" not in fields or ("body" in fields and "response" in fields):
            return entry
        key = str(fields["custom_id"])
        mine, others = (self._requests, self._answers) if "body" in fields else (self._answers, self._requests)
        other = others.pop(key, None)
        if other is None:
            mine[key] = entry
            return None
        request, answer = (entry, other) if "body" in fields else (other, entry)
        return Entry(request.where, {**answer.fields, **request.fields})

    def left(self) -> Iterator[Entry]:
        """Yield the requests without an answer, then the answers without a request."""
        yield from self._requests.values()
        for entry in self._answers.values():
            yield entry._replace(problem="an answer without its request: name the file of the requests too")


def call_of(entry: Entry) -> LoggedCall:
    """Read one entry; raise LeftOutError if it cannot become a case."""
    fields = {name: decoded(value) for name, value in entry.fields.items()}
    request = next((fields[name] for name in _REQUESTS if isinstance(fields.get(name), dict)), None)
    request = _inner(request) if request is not None else None
    answer = _answer(fields)
    asked = request or fields
    messages = messages_of(asked.get("messages"))
    if request is None and answer is None and messages[-1]["role"] == "assistant":  # an example for fine-tuning
        *messages, last = messages
        answer = completion(last)
    if not messages:
        raise LeftOutError("without texts")
    known = request is not None or any(name in fields for name in PARAMS)
    given = asked if request is not None else {name: fields[name] for name in PARAMS & fields.keys()}
    body = answer if isinstance(answer, dict) else {}
    return LoggedCall(
        where=entry.where,
        format=NAME,
        model=_first_text(asked.get("model"), fields.get("model"), body.get("model")),
        messages=messages,
        params=sent_params(given) if known else None,
        answer=answer,
        at=moment_of(fields.get("timestamp") or fields.get("created_at") or body.get("created")),
        latency_s=next((value * unit for name, unit in _LATENCIES if (value := number_of(fields.get(name)))), None),
    )


def _inner(request: dict[str, Any]) -> dict[str, Any]:
    inner = decoded(request.get("body"))
    return inner if isinstance(inner, dict) else request


def _answer(fields: dict[str, Any]) -> Any:
    """Return the answer: a completion, the chunks of one as a stream, or None."""
    if fields.get("error"):
        raise LeftOutError("failed")
    if "choices" in fields:
        return {name: value for name, value in fields.items() if name != "messages"}
    found = next((fields[name] for name in _ANSWERS if fields.get(name) is not None), None)
    if isinstance(found, dict) and "status_code" in found:
        if (number_of(found["status_code"]) or 0) >= _GONE_WRONG:
            raise LeftOutError("failed")
        found = decoded(found.get("body"))
    if isinstance(found, dict) and found.get("error"):
        raise LeftOutError("failed")
    if isinstance(found, list) and found and all(isinstance(one, dict) for one in found):
        return as_stream(found) if "choices" in found[0] else completion(found[0])
    if isinstance(found, str):
        return found.encode() if found.startswith("data:") else completion(found)
    if isinstance(found, dict) and "choices" not in found:
        # Another form, such as that of the Responses API, is not an answer that a run would get.
        return completion(found) if found.get("role") or "content" in found else None
    return found


def as_stream(chunks: list[dict[str, Any]]) -> bytes:
    """Return the chunks of a streamed answer as the stream that a relay sends."""
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return "".join([*lines, "data: [DONE]\n\n"]).encode("utf-8", "surrogatepass")


def _first_text(*values: Any) -> str:
    return next((value for value in values if isinstance(value, str) and value.strip()), "").strip()
