"""The lines of recording files and journals: requests, replies, and journal entries of both."""

from __future__ import annotations

import re
from decimal import Decimal  # msgspec reads the annotations at run time
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import msgspec

from pytest_graysplit.cases.tool_calls.reading import as_json, stored_call
from pytest_graysplit.formatting.json_text import RECORDING_LEVELS
from pytest_graysplit.replies.pricing import is_plausible_cost
from pytest_graysplit.replies.reasoning_text import as_sent, without_thoughts
from pytest_graysplit.replies.recordings.jsonl import FORMAT, LineError, decode, encode, refuse_twice, require_plain
from pytest_graysplit.replies.refusals import is_refusal
from pytest_graysplit.types import Outcome, Reply, ReplyKey, Route, ServedAnswer, Usage

if TYPE_CHECKING:
    from pytest_graysplit.types import ToolCall

# Fields that a reply and its line share as they are.
AS_THEY_ARE = (
    *("outcome", "text", "reasoning", "finish_reason", "error", "error_slug", "served_model", "fell_back"),
    *(
        "reported_cost_usd",
        "latency_s",
        "ttft_s",
        "attempts",
        "in_flight",
        "response_id",
        "system_fingerprint",
        "endpoint_hash",
        "params_unknown",
    ),
)
# The fields that a model, a relay or a test author wrote. The other ones cannot hold a secret, and must not change.
# Tool calls are redacted before they become a line: a number in their arguments can be a secret, too.
FREE_TEXTS = frozenset(
    {
        *("case", "model", "text", "reasoning", "finish_reason"),
        *("error", "served_model", "response_id", "system_fingerprint"),
    }
)

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=10**15)]
OneOrMore: TypeAlias = Annotated[int, msgspec.Meta(ge=1, lt=10**15)]
Status: TypeAlias = Annotated[int, msgspec.Meta(ge=100, le=599)]
Seconds: TypeAlias = Annotated[float, msgspec.Meta(ge=0, lt=1e9)]


class RecordHeader(msgspec.Struct, gc=False):
    """The head of a line: a request (no case), or the reply of a model to a case."""

    format: Literal[1]
    request: str
    case: str | None = None
    model: str = ""
    sample: Count = 0
    at: str = ""
    arm: str = ""
    call: Count = 0

    @property
    def key(self) -> ReplyKey:
        """The identity of the reply."""
        return ReplyKey(self.case or "", self.model, self.request, self.sample, self.arm, self.call)

    @property
    def sortable_at(self) -> str:
        """The time of the reply, spelled so that sorting texts sorts times; an invalid time is the oldest."""
        moment = self.at.removesuffix("Z").removesuffix("+00:00")
        return moment if _MOMENT.fullmatch(moment) else ""


class RequestLine(msgspec.Struct):
    """A request without the model, stored once per hash."""

    format: Literal[1]
    request: str
    body: dict[str, Any]


class UsageLine(msgspec.Struct, omit_defaults=True, gc=False):
    """The token counts of a reply; zeros are omitted."""

    prompt: Count = 0
    completion: Count = 0
    cached: Count = 0
    cache_write: Count = 0
    reasoning: Count = 0
    total: Count = 0
    cache_write_1h: Count = 0
    unpriced: Count = 0


class TokensLine(msgspec.Struct, gc=False):
    """The token counts of a reply's line alone: a tenth of the work of reading all of it."""

    format: Literal[1]
    usage: UsageLine | None = None


class ReplyLine(msgspec.Struct, omit_defaults=True):
    """A stored reply: identity first, then the answer, then metadata, so that a diff shows the answer."""

    format: Literal[1]
    case: str
    model: str
    request: str
    sample: Count
    outcome: Outcome
    arm: str = ""  # of an arm with an endpoint or headers of its own
    call: Count = 0  # the number of an application's request among equal ones
    route: Route | None = None  # None for chat
    text: str = ""  # as it was sent: thoughts are separated when it is read
    reasoning: str = ""  # sent separately from the text
    tool_calls: tuple[Any, ...] = ()  # name, arguments, id; in older recordings as the server sent them
    finish_reason: str | None = None
    error: str | None = None
    error_slug: str | None = None
    served_model: str | None = None
    fell_back: bool = False
    usage: UsageLine | None = None
    reported_cost_usd: Decimal | None = None
    latency_s: Seconds | None = None
    ttft_s: Seconds | None = None
    attempts: Count = 1
    queue_s: Seconds | None = None  # not 0.0: msgspec omits a default only if it is the same object
    backoff_s: Seconds | None = None
    in_flight: OneOrMore | None = None
    response_id: str | None = None
    system_fingerprint: str | None = None
    endpoint_hash: str | None = None
    params_unknown: bool = False
    served_status: Status | None = None  # of an application's request: the answer as the server sent it
    served_body: Any = None
    served_events: tuple[str, ...] = ()
    at: str = ""


class EntryLine(msgspec.Struct):
    """A journal's line as it is stored; its parts are copied into recording files unchanged."""

    format: Literal[1]
    into: str
    request: str
    body: msgspec.Raw
    reply: msgspec.Raw


class _OddLine(msgspec.Struct):
    """A journal's line with a text that the fast decoder refuses."""

    format: Literal[1]
    into: str
    request: str
    body: dict[str, Any]
    reply: dict[str, Any]


class Entry(msgspec.Struct, frozen=True):
    """One line of a journal: the lines that it adds, and to which recording file."""

    into: str
    key: ReplyKey
    request_line: bytes
    reply_line: bytes


_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?")
_HEAD = msgspec.json.Decoder(RecordHeader)
_REPLY = msgspec.json.Decoder(ReplyLine)
_REQUEST = msgspec.json.Decoder(RequestLine)
_TOKENS = msgspec.json.Decoder(TokensLine)
_ENTRY = msgspec.json.Decoder(EntryLine)
_ODD = msgspec.json.Decoder(_OddLine)


def reply_line(key: ReplyKey, reply: Reply, at: str) -> ReplyLine:
    """Return the reply as it is stored under the key; `at` is the time of a reply without one."""
    reply = as_sent(reply)
    return ReplyLine(
        format=FORMAT,
        case=key.case,
        model=key.model,
        request=key.request,
        sample=key.sample,
        arm=key.arm,
        call=key.call,
        route=None if reply.route == "chat" else reply.route,
        **_served_fields(reply.served),
        usage=_usage_line(reply.usage) if reply.usage else None,
        queue_s=reply.queue_s or None,
        backoff_s=reply.backoff_s or None,
        at=reply.at or at,
        tool_calls=tuple(map(as_json, reply.tool_calls)),
        **{name: getattr(reply, name) for name in AS_THEY_ARE},
    )


def request_line(request: str, body: bytes) -> bytes:
    """Return the line that stores a request's canonical body under its hash."""
    return b'{"format":%d,"request":%s,"body":%s}' % (FORMAT, encode(request), body)


def decode_head(line: bytes) -> RecordHeader:
    """Read the head of a line and skip the rest; raise LineError."""
    head = decode(_HEAD, RecordHeader, line)
    if head.case is None and head.model:
        raise LineError("is not a recording (it names a model and no case)")
    return head


def decode_body(line: bytes) -> dict[str, Any]:
    """Read the body of a request's line; raise LineError."""
    body = decode(_REQUEST, RequestLine, line).body
    require_plain(body, "body")
    return body


def decode_reply(line: bytes) -> Reply:
    """Read the reply of a line, marked as replayed; raise LineError."""
    stored = decode(_REPLY, ReplyLine, line)
    if _may_repeat(line, stored):
        refuse_twice(line)
    reply = Reply(
        model=stored.model,
        sample=stored.sample,
        usage=_usage(stored.usage) if stored.usage is not None else None,
        queue_s=stored.queue_s or 0.0,
        backoff_s=stored.backoff_s or 0.0,
        at=stored.at or None,
        replayed=True,
        # Field by field, because this runs for every reply of every replay.
        outcome=stored.outcome,
        text=stored.text,
        reasoning=stored.reasoning,
        tool_calls=_calls(stored.tool_calls) if stored.tool_calls else (),
        finish_reason=stored.finish_reason,
        error=stored.error,
        error_slug=stored.error_slug,
        served_model=stored.served_model,
        fell_back=stored.fell_back,
        reported_cost_usd=_believable(stored.reported_cost_usd),
        latency_s=stored.latency_s,
        ttft_s=stored.ttft_s,
        attempts=stored.attempts,
        in_flight=stored.in_flight,
        response_id=stored.response_id,
        system_fingerprint=stored.system_fingerprint,
        endpoint_hash=stored.endpoint_hash,
        params_unknown=stored.params_unknown,
        route=stored.route or "chat",
        served=_served(stored, line),
    )
    return without_thoughts(reply, is_refusal)


def _served_fields(served: ServedAnswer | None) -> dict[str, Any]:
    if served is None:
        return {}
    status = None if served.status == 200 else served.status  # the status of every other answer
    return {"served_status": status, "served_body": served.body, "served_events": served.events}


def _served(stored: ReplyLine, line: bytes) -> ServedAnswer | None:
    if stored.served_body is None and not stored.served_events:
        return None
    # The decoder refuses odd numbers. A walk through a body of vectors takes longer than everything else here.
    if line.count(b"{") + line.count(b"[") > RECORDING_LEVELS:
        require_plain(stored.served_body, "served_body")
    return ServedAnswer(status=stored.served_status or 200, body=stored.served_body, events=stored.served_events)


def _calls(stored: tuple[Any, ...]) -> tuple[ToolCall, ...]:
    require_plain(stored, "tool_calls")
    try:
        return tuple(stored_call(call, f"$.tool_calls[{number}]") for number, call in enumerate(stored))
    except ValueError as error:
        raise LineError(str(error)) from None


def _may_repeat(line: bytes, stored: ReplyLine) -> bool:
    """Tell whether a name may be repeated: the count of names is not the expected one, and a full check is slow."""
    written = msgspec.to_builtins(stored)
    free = [part for part in (stored.served_body, stored.tool_calls) if part]
    return _names(line) != len(written) + len(written.get("usage") or ()) + sum(_names(encode(part)) for part in free)


def _names(text: bytes) -> int:
    """Count the names in JSON without spaces; inside a text, a quote has a backslash before it."""
    return text.count(b'":') - text.count(b'\\":')


def decode_usage(line: bytes) -> Usage | None:
    """Read only the token counts of a reply's line, None where it has none; raise LineError."""
    stored = decode(_TOKENS, TokensLine, line).usage
    return None if stored is None else _usage(stored)


def is_answer_of_application(line: bytes) -> bool:
    """Tell whether a reply's line has an answer that is kept for an application."""
    return b'"served_body":' in line or b'"served_events":' in line  # inside a text, a quote has a backslash before it


def examine(line: bytes) -> None:
    """Read a request's or a reply's line completely; raise LineError."""
    refuse_twice(line)
    if decode_head(line).case is None:
        decode_body(line)
    else:
        decode_reply(line)


def odd_cost(line: bytes) -> Decimal | None:
    """Return the cost of a reply's line where it is not plausible; raise LineError."""
    if decode_head(line).case is None:
        return None
    cost = decode(_REPLY, ReplyLine, line).reported_cost_usd
    return cost if cost is not None and _believable(cost) is None else None


def _believable(cost: Decimal | None) -> Decimal | None:
    return cost if cost is not None and is_plausible_cost(cost) else None


def _usage_line(usage: Usage) -> UsageLine:
    return UsageLine(**{name: getattr(usage, name) for name in UsageLine.__struct_fields__})


def _usage(line: UsageLine) -> Usage:
    return Usage(
        prompt=line.prompt,
        completion=line.completion,
        cached=line.cached,
        cache_write=line.cache_write,
        cache_write_1h=line.cache_write_1h,
        reasoning=line.reasoning,
        total=line.total,
        unpriced=line.unpriced,
    )


def entry_line(into: str, request: str, body: bytes, reply: bytes) -> bytes:
    """Return the journal's line, with its newline, for one reply."""
    head = b'{"format":%d,"into":%s,"request":%s' % (FORMAT, encode(into), encode(request))
    return b'%s,"body":%s,"reply":%s}\n' % (head, body, reply)


def decode_entry(line: bytes) -> Entry:
    """Read a journal's line; raise LineError when it is torn, or has content that a recording file may not have."""
    stored: EntryLine | _OddLine
    try:
        stored = _ENTRY.decode(line)
        body, reply = bytes(stored.body), bytes(stored.reply)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        stored = decode(_ODD, _OddLine, line)
        body, reply = encode(stored.body), encode(stored.reply)
    head = decode_head(reply)
    if head.case is None or not stored.into.endswith(".jsonl"):
        raise LineError("names no case, or no recording file")
    decode_reply(reply)
    requested_line = request_line(stored.request, body)
    decode_body(requested_line)
    return Entry(stored.into, head.key, requested_line, reply)
