"""Logged answers as recordings of the control, under the keys that a run asks for."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from pytest_graysplit.formatting.clock import stamp
from pytest_graysplit.replies.fingerprint import canonical, request_hash, unchanged
from pytest_graysplit.replies.recordings.jsonl import encode
from pytest_graysplit.replies.recordings.merge import add_lines
from pytest_graysplit.replies.recordings.records import reply_line, request_line
from pytest_graysplit.replies.refusals import is_refusal
from pytest_graysplit.replies.relay.failures import RawResponse
from pytest_graysplit.replies.relay.response import read_response
from pytest_graysplit.types import Reply, ReplyKey

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pytest_graysplit.traffic.case_export.from_logs.call import LoggedCall
    from pytest_graysplit.types import Case, Json


def reply_of(call: LoggedCall) -> Reply | None:
    """Return the answer of a call as a reply, None if the log has none, or one that is not usable."""
    if call.answer is None:
        return None
    body = call.answer if isinstance(call.answer, bytes) else _json(call.answer)
    response = RawResponse(200, {}, body)
    found = read_response(response, model=call.model, sent=(), is_refusal=is_refusal, redact=unchanged)
    if not isinstance(found, Reply):
        return None
    cost = found.reported_cost_usd if call.cost_usd is None else call.cost_usd
    # Without its moment, a latency would count as measured side by side with that of the treatment.
    latency_s, ttft_s = (call.latency_s, call.ttft_s) if call.at else (None, None)
    return replace(
        found,
        reported_cost_usd=cost,
        latency_s=latency_s,
        ttft_s=ttft_s,
        at=stamp(call.at) if call.at else None,
        params_unknown=call.params is None or _lacks_tools(call, found),
    )


def _lacks_tools(call: LoggedCall, reply: Reply) -> bool:
    """Tell whether the model called a tool and the log does not tell which tools it had."""
    called = bool(reply.tool_calls) or any(message.get("tool_calls") for message in call.messages)
    return called and not any(name in (call.params or {}) for name in ("tools", "functions"))


def _json(answer: Any) -> bytes:
    return json.dumps(answer).encode("utf-8", "surrogatepass")


def texts_of(reply: Reply) -> list[Any]:
    """Return everything in a reply that a user's data may be in."""
    return [reply.text, reply.reasoning, *(dict(call.arguments) for call in reply.tool_calls)]


def lines_of(case: Case, reply: Reply) -> Iterator[bytes]:
    """Yield the lines of a recording file for the answer of a model to a case."""
    messages: list[Json] = [dict(message) for message in case.messages]
    body: dict[str, Json] = {"messages": messages, **case.params}
    key = ReplyKey(case.id, reply.model, request_hash(body), 0)
    yield request_line(key.request, canonical(body))
    yield encode(msgspec.to_builtins(reply_line(key, reply, "")))


def record(root: Path, into: Path, lines: Sequence[bytes]) -> Path:
    """Write the lines into the recording file of a case file, where a newer answer to one request stays."""
    stem = into.name.removesuffix(into.suffix).removesuffix(".graysplit")
    path = into.absolute().parent / "__graysplit__" / f"{stem}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    add_lines(root, path, lines)
    return path
