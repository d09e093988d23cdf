"""Frozen records that travel through the house, and the Protocols at its seams."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeAlias

from pytest_graysplit.errors import ReplyNotJsonError, Slug, ToolCallError
from pytest_graysplit.formatting.clock import moment_of
from pytest_graysplit.formatting.json_text import Json as Json  # noqa: PLC0414, TC001 # all others import it from here

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Message: TypeAlias = "Mapping[str, Json]"
Outcome = Literal["ok", "empty", "refusal", "truncated", "filtered", "error"]
RecordMode = Literal["none", "new", "all", "off"]
Gate = Literal["case", "verdict", "none"]
OnHold = Literal["pass", "fail"]
EarlyStopWhen = Literal["harm", "both"]
Role = Literal["control", "treatment"]
# What the arm of the model that is run today is called; a treatment is called by its model.
CONTROL = "control"
# "auto" asks for the number that the control reaches against itself, measured in this very run.
MinSimilarity: TypeAlias = "float | Literal['auto']"
# Which service of a relay a request goes to.
Route = Literal["chat", "embeddings"]

# Replies that were sent this close together met the relay in the same hour of its day: their latencies compare.
SIDE_BY_SIDE_S = 3600.0

_NOTHING = Decimal(0)
_COUNTS = ("calls", "replayed", "failed", "unreadable", "better", "ties", "worse", "disagreements")
# Possessive, and without a pattern for what precedes the closing fence: an answer of blanks would take minutes.
_FENCE = re.compile(r"```[\w+-]*+[ \t]*+\n(.*?)```", re.DOTALL)


class Secret:
    """A string that never shows itself: not in `repr`, not in a traceback, not in a pickle."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret; called only where a request is signed or a text is redacted."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Secret does not travel between processes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens billed for one reply; add two to get a running total.

    `cached` and `cache_write` are parts of `prompt`, and `cache_write_1h` (kept for an hour) of `cache_write`;
    `reasoning` is inside or beside `completion`, as `total` tells. `unpriced` counts what has a price of its own that
    is in no table: audio tokens, searches, a bill that another provider sends.
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
        """Tokens billed at the output price: completion, and thoughts where the relay counts them outside.

        They are outside where the total is more than its parts, or where they are more than the completion.
        """
        if not self.is_counted:
            return 0
        if (beside := self.total - self.prompt - self.completion) > 0:
            return self.completion + beside
        return self.completion + (self.reasoning if self.reasoning > self.completion else 0)

    @property
    def is_counted(self) -> bool:
        """Whether prompt and completion were told apart: of a total alone no cost is known."""
        return bool(self.prompt or self.completion)

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            prompt=self.prompt + other.prompt,
            completion=self.completion + other.completion,
            cached=self.cached + other.cached,
            cache_write=self.cache_write + other.cache_write,
            cache_write_1h=self.cache_write_1h + other.cache_write_1h,
            reasoning=self.reasoning + other.reasoning,
            # What a relay says of a total that is less than its parts must not hide the thoughts of another reply.
            total=self.prompt + self.output + other.prompt + other.output,
            unpriced=self.unpriced + other.unpriced,
        )


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool: the name of the tool, its arguments, and the id that the server gave the call, or None.

    Where the arguments that were sent are not a JSON object, `arguments` is empty and `arguments_text` holds them.
    """

    name: str
    arguments: Mapping[str, Json] = field(default_factory=dict)
    id: str | None = None
    arguments_text: str | None = None

    @property
    def is_readable(self) -> bool:
        """Whether the call names a tool and its arguments could be parsed: others equal no call."""
        return bool(self.name) and self.arguments_text is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One model's answer to one case: what it said and called, its latency (seconds) and its cost (USD, or None).

    `latency_s` is the successful attempt alone; waiting for a place (`queue_s`) and between attempts (`backoff_s`)
    are kept apart. A failed call is a reply too, with the outcome "error" and its cause in `error` and what it
    is counted as in `error_kind`; `retried` are the kinds of the attempts before the last. `reasoning` is what the
    model thought aloud, apart from its answer; nothing is checked or scored on it. `sent_text` is the text as the relay
    sent it, where it held thoughts too and the reply is not recorded yet. `in_flight` is how many requests of the
    process were at the relay when this one was sent, itself included.
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
    error_slug: str | None = None  # a Slug; out of a recording a text, which another version may have written
    error_kind: str | None = None
    retryable: bool = False
    retried: tuple[str, ...] = ()
    fell_back: bool = False
    queue_s: float = 0.0
    backoff_s: float = 0.0
    in_flight: int | None = None
    response_id: str | None = None
    system_fingerprint: str | None = None
    at: str | None = None

    @property
    def is_counted(self) -> bool:
        """Whether the relay told how many tokens the prompt and the answer have."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """What a right answer must show, checked on every arm alike; the arguments of `tool_calls` are a subset."""

    contains: tuple[str, ...] = ()
    not_contains: tuple[str, ...] = ()
    regex: tuple[str, ...] = ()
    equals: str | None = None
    json: Json = None
    json_schema: Json = None
    reference: str | None = None
    min_similarity: float | None = None
    max_words: int | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_order: bool = False
    no_other_tool_calls: bool = False
    no_tool_calls: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One prompt under test, with everything the user asserts about its answers.

    `where` names the line it came from (`support.jsonl:14`); None in a threshold means that nobody set one.
    `min_similarity` is "auto" until the run has calibrated it; then it is a number and `calibrated`, or what
    `fallback_similarity` says, the number of the next weaker source. Calibrated on three control samples, its number is
    how alike they are, less `max_deficit`. Answers to other prompts reach `other_prompts` in 5% of pairs; None where
    that was not measured.
    """

    id: str
    messages: tuple[Message, ...]
    params: Mapping[str, Json] = field(default_factory=dict)
    expect: Expect | None = None
    min_similarity: MinSimilarity | None = None
    metric: str | None = None
    max_latency_s: float | None = None
    max_latency_ratio: float | None = None
    max_cost_usd: float | None = None
    samples: int | None = None
    must_pass: bool = False
    tags: tuple[str, ...] = ()
    cluster: str | None = None
    where: str = ""
    fallback_similarity: float | None = None
    calibrated: bool = False
    max_deficit: float | None = None
    other_prompts: float | None = None

    @property
    def asserts_similarity(self) -> bool:
        """Whether an answer could miss its threshold: none misses 0, or what those to other prompts reach."""
        number = self.min_similarity
        if number is None or isinstance(number, str):
            return False
        return number > (max(0.0, self.other_prompts or 0.0) if self.calibrated else 0.0)

    @property
    def prompt(self) -> str:
        """The last message a user would have typed, as text."""
        for message in reversed(self.messages):
            if message.get("role") == "user":
                return _text_of(message.get("content"))
        return _text_of(self.messages[-1].get("content")) if self.messages else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A difference that changes the meaning and that similarity does not see, found by a guard."""

    name: str
    detail: str


class PairScore(NamedTuple):
    """How alike two answers are (0..1, None where the metric gave no score), and the guards' flags between them.

    `by_calls` tells that the similarity is that of their tool calls, and not that of their texts.
    """

    similarity: float | None
    flags: tuple[Flag, ...] = ()
    by_calls: bool = False

    @property
    def is_scored(self) -> bool:
        """Whether the metric gave the pair a score."""
        return self.similarity is not None

    def is_alike(self, threshold: float) -> bool:
        """Tell whether the similarity alone reaches a threshold; a score that is not a number reaches none."""
        return self.similarity is not None and self.similarity >= threshold

    def reaches(self, threshold: float) -> bool:
        """Tell whether the pair reaches a threshold and no guard vetoes it."""
        return not self.flags and self.is_alike(threshold)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A treatment's replies held against the control's, for one case.

    `similarity` (0..1) is the mean over samples and None when one side has nothing to compare; the ratios are
    treatment over control and None when either side is unknown. `self_similarity` is the control against itself.
    `pairs` are the scores of each of the treatment's answers with each of the control's, `self_pairs` those of the
    control's answers among themselves. `remarks` are what a judge said of the first answers.
    """

    case: Case
    control: Reply
    treatment: Reply
    similarity: float | None
    threshold: float | None
    metric: str
    flags: tuple[Flag, ...] = ()
    self_similarity: float | None = None
    control_samples: tuple[Reply, ...] = ()
    treatment_samples: tuple[Reply, ...] = ()
    pairs: tuple[PairScore, ...] = ()
    self_pairs: tuple[PairScore, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def calibrated(self) -> bool:
        """Whether the threshold was measured on the control's own noise (`min_similarity="auto"`)."""
        return self.case.calibrated

    @property
    def discriminates(self) -> bool | None:
        """Whether the control is as alike itself as the threshold asks; None where either is unknown."""
        if self.self_similarity is None or self.threshold is None:
            return None
        return self.self_similarity >= self.threshold

    @property
    def latency_ratio(self) -> float | None:
        """Latency of the treatment over that of the control; None also where they were not measured side by side."""
        if side_by_side(self.control, self.treatment) is False:
            return None
        return _ratio(self.treatment.latency_s, self.control.latency_s)

    @property
    def cost_ratio(self) -> float | None:
        """Cost of the treatment over that of the control."""
        return _ratio(self.treatment.cost_usd, self.control.cost_usd)

    @property
    def length_ratio(self) -> float | None:
        """Characters of the treatment's text over the control's: length alone predicts much of any similarity."""
        return _ratio(len(self.treatment.text), len(self.control.text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a metric asked a model, apart from what the arms were asked; add two to get a running total.

    `cost_usd` is None where any answer has no known price. A call `failed`, or its answer could not be read
    (`unreadable`): either way its pair has no score. `better`, `ties` and `worse` count the treatment's answers as a
    judge saw them, `disagreements` the ties at which each order named another winner.
    """

    metric: str
    model: str
    calls: int = 0
    cost_usd: Decimal | None = _NOTHING
    replayed: int = 0
    failed: int = 0
    unreadable: int = 0
    better: int = 0
    ties: int = 0
    worse: int = 0
    disagreements: int = 0

    def __add__(self, other: Asked) -> Asked:
        known = self.cost_usd is not None and other.cost_usd is not None
        counts = {name: getattr(self, name) + getattr(other, name) for name in _COUNTS}
        cost_usd = (self.cost_usd or _NOTHING) + (other.cost_usd or _NOTHING) if known else None
        return Asked(metric=self.metric, model=self.model, cost_usd=cost_usd, **counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """One thing an arm was held to and did not show; `arm` is "control" or the treatment's model."""

    arm: str
    kind: Literal["outcome", "expect", "tool_calls", "latency", "latency-ratio", "cost", "similarity", "guard", "body"]
    problem: str
    hint: str
    slug: str


class ReplyKey(NamedTuple):
    """What identifies a recorded reply; roles are no part of it, so a promoted model keeps its recordings."""

    case: str
    model: str
    request: str
    sample: int


class Metric(Protocol):
    """Compares two answers; 1.0 means as alike as the metric can tell, 0.0 nothing in common."""

    name: str

    def score(self, control: str, treatment: str) -> float:
        """Score the treatment's text against the control's, from 0 to 1."""


class Redactor(Protocol):
    """Takes secrets out of a text before it is stored or shown."""

    def __call__(self, text: str, /) -> str:
        """Return the text with every secret replaced."""


def flags_of(pairs: Iterable[PairScore]) -> tuple[Flag, ...]:
    """Return the flags of some pairs, each kind once."""
    found: dict[str, Flag] = {}
    for pair in pairs:
        for flag in pair.flags:
            found.setdefault(flag.name, flag)
    return tuple(found.values())


def side_by_side(first: Reply, second: Reply) -> bool | None:
    """Tell whether two replies were asked for within an hour; None where the moment of either is unknown."""
    moments = moment_of(first.at), moment_of(second.at)
    if moments[0] is None or moments[1] is None:
        return None
    return abs((moments[0] - moments[1]).total_seconds()) <= SIDE_BY_SIDE_S


def parse_json_answer(text: str) -> Json:
    r"""Parse an answer as JSON, looking inside the one code fence that chat models like to put around it.

    >>> parse_json_answer('```json\\n{"status": "open"}\\n```')
    {'status': 'open'}
    """
    fenced = _FENCE.findall(text)
    try:
        answer: Json = json.loads(fenced[0] if len(fenced) == 1 else text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    return answer


def _instead_of_one_call(name: str, calls: Sequence[ToolCall], all_calls: Sequence[ToolCall]) -> str:
    if len(calls) == 1:
        return f"calls {name} with arguments that are not a JSON object: {str(calls[0].arguments_text)[:80]!r}"
    if calls:
        return f"calls {name} {len(calls)} times"
    called = ", ".join(call.name or "a tool without a name" for call in all_calls[:10])
    return f"does not call {name}; it calls {called or 'no tool'}"


def _text_of(content: Json) -> str:
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _ratio(treatment: float | Decimal | None, control: float | Decimal | None) -> float | None:
    if treatment is None or not control:
        return None
    return float(treatment) / float(control)
