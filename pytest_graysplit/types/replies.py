"""Replies, their tokens and tool calls, the keys of recordings, and the type of secrets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeAlias

from pytest_graysplit.errors import ReplyNotJsonError, Slug, ToolCallError
from pytest_graysplit.formatting.answer_json import parse_json_answer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from pytest_graysplit.formatting.json_text import Json

Message: TypeAlias = "Mapping[str, Json]"
Outcome = Literal["ok", "empty", "refusal", "truncated", "filtered", "error"]
# The endpoint of the relay that a request goes to.
Route = Literal["chat", "embeddings", "responses", "messages"]


class Secret:
    """A string that `repr`, tracebacks and pickles never show."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret; called only to send it to the relay or to redact it from a text."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Secret does not travel between processes")


class Redactor(Protocol):
    """A function that removes secrets from a text before it is stored or shown."""

    def __call__(self, text: str, /) -> str:
        """Return the text with every secret replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens billed for one reply; add two to get a running total.

    `cached` and `cache_write` are parts of `prompt`, and `cache_write_1h` (kept for an hour) is a part of
    `cache_write`. `reasoning` is a part of `completion` or an addition to it; `total` shows which. `unpriced` counts
    items that no price table covers, such as audio tokens, searches and bills of another provider.
    """

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    reasoning: int = 0
    total: int = 0
    unpriced: int = 0

    @property
    def output(self) -> int:
        """Tokens billed at the output price: completion, and reasoning where the relay counts it separately.

        Reasoning is separate if the total is larger than its parts, or if there is more reasoning than completion.
        """
        if not self.is_counted:
            return 0
        if (separate := self.total - self.prompt - self.completion) > 0:
            return self.completion + separate
        return self.completion + (self.reasoning if self.reasoning > self.completion else 0)

    @property
    def visible(self) -> int:
        """Tokens of the answer itself, without those of reasoning that the completion includes."""
        return self.completion - (self.reasoning if self.reasoning <= self.completion else 0)

    @property
    def is_counted(self) -> bool:
        """Whether prompt and completion are known separately; a total alone has no cost."""
        return bool(self.prompt or self.completion)

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            prompt=self.prompt + other.prompt,
            completion=self.completion + other.completion,
            cached=self.cached + other.cached,
            cache_write=self.cache_write + other.cache_write,
            cache_write_1h=self.cache_write_1h + other.cache_write_1h,
            reasoning=self.reasoning + other.reasoning,
            # A total below the sum of its parts must not hide the reasoning of another reply.
            total=self.prompt + self.output + other.prompt + other.output,
            unpriced=self.unpriced + other.unpriced,
        )


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool: the name of the tool, its arguments, and the id that the server gave the call, or None.

    If the arguments are not a JSON object, `arguments` is empty and `arguments_text` holds them as sent.
    """

    name: str
    arguments: Mapping[str, Json] = field(default_factory=dict)
    id: str | None = None
    arguments_text: str | None = None

    @property
    def is_readable(self) -> bool:
        """Whether the call names a tool and its arguments could be parsed; an unreadable call equals no other call."""
        return bool(self.name) and self.arguments_text is None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedAnswer:
    """An answer as the server sent it, kept for an application: the body as JSON, or the events of a stream.

    Each event is its lines, without the blank line that ends it.
    """

    status: int = 200
    body: Json = None
    events: tuple[str, ...] = ()


class ByteListener(Protocol):
    """A listener to a streamed answer of an application's request; it is called in the thread of the relay client."""

    def begin(self) -> None:
        """Begin an attempt; an earlier one has failed before anything was passed on."""

    def look(self, received: bytes) -> bool:
        """See the next event, whole and with its blank line; return whether it was passed on: then no retry follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One model's answer to one case: text, tool calls, latency in seconds and cost in USD (None if unknown).

    `latency_s` is the successful attempt alone; the wait for a connection (`queue_s`) and between attempts
    (`backoff_s`) are separate. A failed call is a reply with the outcome "error", its cause in `error` and its kind in
    `error_kind`; `retried` has the kinds of the attempts before the last. `reasoning` is the model's visible reasoning;
    no check and no metric reads it. `sent_text` is the text as the relay sent it, set if it included reasoning and the
    reply is not recorded yet. In a conversation, `turn` is the number of the answered turn, from 0, and `earlier` are
    the replies to the turns before it. `in_flight` is the number of requests that this process had at the relay when
    this one was sent, including this one. `params_unknown` marks an answer from a log that does not tell the parameters
    of its request. `endpoint_hash` identifies the address and the headers of an arm that has its own.

    The reply of an application has the output as its text, the replies to its requests in `calls`, and their sums as
    its latency, tokens and cost; `tool_calls` are then those of all of them. Each of these replies has its `route`, and
    its `served` answer until it becomes a part of a result.
    """

    model: str
    outcome: Outcome
    text: str = ""
    reasoning: str = ""
    sent_text: str = ""
    served_model: str | None = None
    latency_s: float | None = None
    ttft_s: float | None = None
    usage: Usage | None = None
    cost_usd: Decimal | None = None
    reported_cost_usd: Decimal | None = None
    attempts: int = 1
    replayed: bool = False
    sample: int = 0
    finish_reason: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    error: str | None = None
    error_slug: str | None = None  # a Slug; from a recording a plain text, which another version may have written
    error_kind: str | None = None
    retryable: bool = False
    retried: tuple[str, ...] = ()
    fell_back: bool = False
    queue_s: float = 0.0
    backoff_s: float = 0.0
    in_flight: int | None = None
    response_id: str | None = None
    system_fingerprint: str | None = None
    endpoint_hash: str | None = None
    params_unknown: bool = False
    at: str | None = None
    turn: int | None = None
    earlier: tuple[Reply, ...] = ()
    route: Route = "chat"
    served: ServedAnswer | None = field(default=None, repr=False, compare=False)
    calls: tuple[Reply, ...] = ()

    @property
    def turns(self) -> tuple[Reply, ...]:
        """The replies to all turns of a conversation so far, this one last; this one alone for a single prompt."""
        return (*self.earlier, self)

    @property
    def is_counted(self) -> bool:
        """Whether the relay reported the tokens of the prompt and of the answer."""
        usage = self.usage
        return usage is not None and bool(usage.prompt and (usage.output or not (self.text or self.tool_calls)))

    def json(self) -> Json:
        """Parse the text as JSON, also inside one Markdown code fence; raise ReplyNotJsonError if it is not."""
        __tracebackhide__ = True
        try:
            return parse_json_answer(self.text)
        except ValueError as error:
            raise ReplyNotJsonError(
                f"the reply of {self.model} is not JSON: {error}",
                hint=f"it begins {self.text[:80]!r}; ask for JSON in the prompt, or send response_format",
                slug=Slug.REPLY_NOT_JSON,
            ) from None

    def tool_call(self, name: str) -> ToolCall:
        """Return the only call of a tool; raise ToolCallError unless there is exactly one, with JSON arguments."""
        __tracebackhide__ = True
        calls = [call for call in self.tool_calls if call.name == name]
        if len(calls) == 1 and calls[0].is_readable:
            return calls[0]
        raise ToolCallError(
            f"the reply of {self.model} {_instead_of_one_call(name, calls, self.tool_calls)}",
            hint="expect.tool_calls says which calls are right; reply.tool_calls holds all of them",
            slug=Slug.REPLY_TOOL_CALL,
        )


class ReplyKey(NamedTuple):
    """The identity of a recorded reply; the role is not a part of it, so a promoted model keeps its recordings.

    `arm` is the name of an arm with an endpoint or headers of its own, which model and request do not show; it is empty
    for any other arm. `call` counts equal requests of one application run, from 0.
    """

    case: str
    model: str
    request: str
    sample: int
    arm: str = ""
    call: int = 0


def _instead_of_one_call(name: str, calls: Sequence[ToolCall], all_calls: Sequence[ToolCall]) -> str:
    if len(calls) == 1:
        return f"calls {name} with arguments that are not a JSON object: {str(calls[0].arguments_text)[:80]!r}"
    if calls:
        return f"calls {name} {len(calls)} times"
    called = ", ".join(call.name or "a tool without a name" for call in all_calls[:10])
    return f"does not call {name}; it calls {called or 'no tool'}"
