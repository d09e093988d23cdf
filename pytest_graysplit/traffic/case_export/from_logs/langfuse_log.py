"""Observations of Langfuse, alone or inside of traces, as its API, its page and its blob storage export them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_graysplit.traffic.case_export.from_logs.call import (
    PARAMS,
    LeftOutError,
    LoggedCall,
    completion,
    cost_of,
    message_of,
    messages_of,
    moment_of,
    number_of,
    seconds_between,
    sent_params,
    usage_of,
)
from pytest_graysplit.traffic.case_export.from_logs.entries import decoded

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from pytest_graysplit.traffic.case_export.from_logs.entries import Entry

NAME = "langfuse"
NOUN = ("Langfuse observation", "Langfuse observations")
_MARKS = frozenset({
    "traceId", "trace_id", "modelParameters", "model_parameters", "calculatedTotalCost", "calculated_total_cost",
    "observations", "usageDetails", "usage_details", "htmlPath",
})  # fmt: skip


def is_like(fields: dict[str, Any]) -> bool:
    """Tell whether an entry has this form."""
    return "input" in fields and "output" in fields and bool(_MARKS & fields.keys())


def call_of(entry: Entry) -> LoggedCall:
    """Read one entry; raise LeftOutError if it cannot become a case."""
    fields = {name: decoded(value) for name, value in entry.fields.items()}
    kind = str(fields.get("type") or "GENERATION").upper()
    if kind != "GENERATION":
        raise LeftOutError(f"of another kind ({kind})")
    if str(fields.get("level") or "").upper() == "ERROR":
        raise LeftOutError("failed")
    asked = fields.get("input")
    given = [_first(fields, "modelParameters", "model_parameters"), asked]
    params = {name: table[name] for table in given if isinstance(table, dict) for name in PARAMS & table.keys()}
    begin, end = (moment_of(_first(fields, *names)) for names in (("startTime", "start_time"), ("endTime", "end_time")))
    model = str(_first(fields, "model", "providedModelName", "provided_model_name") or "")
    return LoggedCall(
        where=entry.where,
        format=NAME,
        model=model,
        messages=_messages(asked),
        params=sent_params(params) if params else None,
        answer=_answer(fields.get("output"), model, _usage(fields)),
        at=begin,
        latency_s=seconds_between(begin, end) or number_of(fields.get("latency")),
        ttft_s=_ttft_s(fields, begin),
        cost_usd=_cost(fields),
    )


def _first(fields: dict[str, Any], *names: str) -> Any:
    return next((fields[name] for name in names if fields.get(name) not in (None, "")), None)


def _messages(asked: Any) -> list[dict[str, Any]]:
    if isinstance(asked, dict):
        asked = asked.get("messages") or asked.get("prompt") or ([asked] if asked.get("role") else None)
    return messages_of(asked)


def _answer(output: Any, model: str, usage: Any) -> dict[str, Any] | None:
    if output in (None, "", [], {}):
        return None
    if isinstance(output, list) and len(output) == 1 and isinstance(output[0], dict):
        [output] = output
    if isinstance(output, dict) and "choices" in output:
        return output if output.get("usage") or not usage else {**output, "usage": usage}
    if isinstance(output, dict) and (output.get("role") or output.get("type") == "constructor"):
        message = message_of({"role": "assistant", **output})
        return completion(message, model=model, usage=usage)
    if isinstance(output, dict) and set(output) <= {"content", "tool_calls", "refusal"}:
        return completion({"role": "assistant", **output}, model=model, usage=usage)
    # An object of another form is the result of a program, which may have changed the answer.
    return completion(output, model=model, usage=usage) if isinstance(output, str) else None


def _usage(fields: dict[str, Any]) -> dict[str, int] | None:
    counts = _first(fields, "usageDetails", "usage_details", "usage")
    table = counts if isinstance(counts, dict) else {}
    # Beside the table, input and output are the texts.
    prompt = _first(table, "input") or _first({**fields, **table}, "promptTokens", "prompt_tokens", "inputUsage")
    output = _first(table, "output") or _first(
        {**fields, **table}, "completionTokens", "completion_tokens", "outputUsage"
    )
    return usage_of(prompt, output, _first({**fields, **table}, "total", "totalTokens", "total_tokens"))


def _ttft_s(fields: dict[str, Any], begin: datetime | None) -> float | None:
    first = moment_of(_first(fields, "completionStartTime", "completion_start_time"))
    return seconds_between(begin, first) or number_of(_first(fields, "timeToFirstToken", "time_to_first_token"))


def _cost(fields: dict[str, Any]) -> Decimal | None:
    details = _first(fields, "costDetails", "cost_details")
    total = details.get("total") if isinstance(details, dict) else None
    named = _first(fields, "calculatedTotalCost", "calculated_total_cost", "totalCost", "total_cost")
    return cost_of(total if named is None else named)
