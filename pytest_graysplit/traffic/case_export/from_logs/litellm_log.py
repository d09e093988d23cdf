"""Spend logs of LiteLLM, as its API, its database and its CSV export have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_graysplit.traffic.case_export.from_logs.call import (
    LeftOutError,
    LoggedCall,
    cost_of,
    messages_of,
    moment_of,
    seconds_between,
    sent_params,
    usage_of,
)
from pytest_graysplit.traffic.case_export.from_logs.entries import decoded

if TYPE_CHECKING:
    from datetime import datetime

    from pytest_graysplit.traffic.case_export.from_logs.entries import Entry

NAME = "litellm"
NOUN = ("LiteLLM spend log", "LiteLLM spend logs")
_TRUE = (True, "True", "true")


def is_like(fields: dict[str, Any]) -> bool:
    """Tell whether an entry has this form."""
    return "spend" in fields and ("request_id" in fields or "startTime" in fields)


def call_of(entry: Entry) -> LoggedCall:
    """Read one entry; raise LeftOutError if it cannot become a case."""
    fields = {name: decoded(value) for name, value in entry.fields.items()}
    kind = str(fields.get("call_type") or "completion")
    if "completion" not in kind:
        raise LeftOutError(f"of another kind ({kind})")
    answer, request = fields.get("response"), _request(fields)
    if str(fields.get("status") or "success") != "success" or (isinstance(answer, dict) and answer.get("error")):
        raise LeftOutError("failed")
    messages = messages_of(fields.get("messages") or request.get("messages") or None)
    if isinstance(answer, dict) and answer and not answer.get("usage"):
        counts = usage_of(fields.get("prompt_tokens"), fields.get("completion_tokens"), fields.get("total_tokens"))
        answer = {**answer, **({"usage": counts} if counts else {})}
    begin = moment_of(fields.get("startTime"))
    # An answer from the cache costs and takes nothing, which says nothing about the model.
    is_cached = fields.get("cache_hit") in _TRUE
    return LoggedCall(
        where=entry.where,
        format=NAME,
        model=str(fields.get("model_group") or fields.get("model") or ""),
        messages=messages,
        params=sent_params(request) if request else None,
        answer=answer if isinstance(answer, dict) and answer.get("choices") else None,
        at=begin,
        latency_s=None if is_cached else seconds_between(begin, moment_of(fields.get("endTime"))),
        ttft_s=None if is_cached else _ttft_s(fields, begin),
        cost_usd=None if is_cached else cost_of(fields.get("spend")),
    )


def _request(fields: dict[str, Any]) -> dict[str, Any]:
    request = fields.get("proxy_server_request")
    inner = request.get("body") if isinstance(request, dict) else None
    found = inner if isinstance(inner, dict) else request
    return found if isinstance(found, dict) else {}


def _ttft_s(fields: dict[str, Any], begin: datetime | None) -> float | None:
    first, end = moment_of(fields.get("completionStartTime")), moment_of(fields.get("endTime"))
    # Without a stream, the first token has the time of the last.
    return seconds_between(begin, first) if first != end else None
