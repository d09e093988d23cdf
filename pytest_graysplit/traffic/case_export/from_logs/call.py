"""One call of a model as a log tells it: the request, and the answer in the form of a relay."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from pytest_graysplit.replies.pricing import is_plausible_cost
from pytest_graysplit.traffic.case_export.export import NOT_ASKED
from pytest_graysplit.traffic.case_export.from_logs.entries import decoded

_COUNTS = ("max_tokens", "max_completion_tokens", "seed", "top_k", "top_logprobs")
_NUMBERS = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "min_p")
# A log with one of these tells the parameters of its requests.
PARAMS = frozenset({
    *_COUNTS, *_NUMBERS, "stop", "response_format", "tools", "tool_choice", "functions", "function_call",
    "parallel_tool_calls", "reasoning_effort", "reasoning", "verbosity", "logit_bias", "logprobs",
})  # fmt: skip
_ROLES = {"human": "user", "ai": "assistant", "AIMessageChunk": "assistant", "generic": "user"}
# A number of seconds above this is one of milliseconds.
_MOST_SECONDS = 1e11


class LeftOutError(Exception):
    """The reason why an entry of a log cannot become a case, as a part of a sentence: 12 `failed`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedCall:
    """One request and its answer.

    `params` is None if the log does not tell the parameters. `answer` is a chat completion as a relay sends it, None if
    the log has no answer. Times are in seconds and costs in USD, None where the log does not tell them; `at` is the
    moment of the request.
    """

    where: str
    format: str
    model: str
    messages: list[dict[str, Any]]
    params: dict[str, Any] | None
    answer: Any
    at: datetime | None = None
    latency_s: float | None = None
    ttft_s: float | None = None
    cost_usd: Decimal | None = None


def messages_of(value: Any) -> list[dict[str, Any]]:
    """Return the messages of a request: a list of them, or one text of the user; raise LeftOutError without words."""
    value = decoded(value)
    if isinstance(value, str):
        value = [{"role": "user", "content": value}]
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):  # a batch of one
        value = value[0]
    if not isinstance(value, list) or not value:
        raise LeftOutError("without texts")
    return [message_of(one) for one in value]


def message_of(value: Any) -> dict[str, Any]:
    """Return one message, also one that LangChain has serialised."""
    if not isinstance(value, dict):
        raise LeftOutError("with messages of an unknown form")
    inner = value.get("kwargs") if value.get("type") == "constructor" else value.get("data")
    if isinstance(inner, dict) and "content" in inner:
        kind = inner.get("type") or (_class_of(value) if "id" in value else value.get("type"))
        value = {**inner, "role": inner.get("role") or kind}
    role = value.get("role") or value.get("type")
    if not isinstance(role, str):
        raise LeftOutError("with messages of an unknown form")
    more = value.get("additional_kwargs")
    calls = value.get("tool_calls") or (more.get("tool_calls") if isinstance(more, dict) else None)
    fields = {
        name: value[name] for name in ("content", "name", "tool_call_id", "refusal") if value.get(name) is not None
    }
    message: dict[str, Any] = {"role": _ROLES.get(role, role), "content": None, **fields}
    return message | ({"tool_calls": [_call_of(call) for call in calls]} if isinstance(calls, list) and calls else {})


def _class_of(value: dict[str, Any]) -> str:
    path = value.get("id")
    name = str(path[-1]) if isinstance(path, list) and path else ""
    return name.removesuffix("Chunk").removesuffix("Message").lower()


def _call_of(call: Any) -> Any:
    """Return a tool call as OpenAI writes it; LangChain has name and args beside each other."""
    if not isinstance(call, dict) or "function" in call or "name" not in call:
        return call
    arguments = call.get("args", call.get("arguments", {}))
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return {"id": call.get("id"), "type": "function", "function": {"name": call["name"], "arguments": text}}


def completion(message: Any, *, model: str = "", finish: Any = None, usage: Any = None) -> dict[str, Any]:
    """Return a chat completion with one answer: a message, or its text."""
    if not isinstance(message, dict):
        message = {"role": "assistant", "content": message if isinstance(message, str) else json.dumps(message)}
    body = {"model": model or None, "choices": [{"index": 0, "finish_reason": finish, "message": message}]}
    return body | ({"usage": usage} if usage else {})


def sent_params(given: Any) -> dict[str, Any]:
    """Return the parameters that change an answer, without those that are not set; a number may be a text."""
    found: dict[str, Any] = {}
    for name, value in given.items() if isinstance(given, dict) else ():
        if name in NOT_ASKED or name.startswith(("_", "litellm", "proxy_server")) or value in (None, "", [], {}):
            continue
        if name in _COUNTS or name in _NUMBERS:
            value = number_of(value)  # noqa: PLW2901  # the same value, read
        if value is not None and not (isinstance(value, str) and value in ("None", "null", "Infinity")):
            found[name] = int(value) if name in _COUNTS else value
    return found


def usage_of(prompt: Any, output: Any, total: Any = None) -> dict[str, int] | None:
    """Return token counts as a relay sends them, None without any."""
    counts = {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": total}
    known = {name: int(number) for name, value in counts.items() if (number := number_of(value))}
    return known or None


def number_of(value: Any) -> float | None:
    """Return a finite number, also one that is written as a text."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value


def cost_of(value: Any) -> Decimal | None:
    """Return a cost in USD, None if it is not one."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        cost = Decimal(str(value))
    except InvalidOperation:
        return None
    return cost if is_plausible_cost(cost) else None


def moment_of(value: Any) -> datetime | None:
    """Return a moment in UTC: a text such as 2026-11-30 12:00:00, or seconds or milliseconds since 1970."""
    try:
        if (number := number_of(value)) is not None:
            return datetime.fromtimestamp(number / (1000 if abs(number) > _MOST_SECONDS else 1), UTC)
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except (ValueError, OverflowError, OSError):
        return None
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def seconds_between(begin: datetime | None, end: datetime | None) -> float | None:
    """Return the seconds from one moment to another, None if one is unknown or the order is wrong."""
    if begin is None or end is None or end < begin:
        return None
    return round((end - begin).total_seconds(), 3)
