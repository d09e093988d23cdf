"""Runs of LangSmith: those of models, by LangChain or by its wrapper of the OpenAI client."""

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
    seconds_between,
    sent_params,
    usage_of,
)
from pytest_graysplit.traffic.case_export.from_logs.entries import decoded

if TYPE_CHECKING:
    from pytest_graysplit.traffic.case_export.from_logs.entries import Entry

NAME = "langsmith"
NOUN = ("LangSmith run", "LangSmith runs")


def is_like(fields: dict[str, Any]) -> bool:
    """Tell whether an entry has this form."""
    return "inputs" in fields and ("run_type" in fields or "outputs" in fields)


def call_of(entry: Entry) -> LoggedCall:
    """Read one entry; raise LeftOutError if it cannot become a case."""
    fields = {name: decoded(value) for name, value in entry.fields.items()}
    kind = str(fields.get("run_type") or "llm")
    if kind not in ("llm", "chat_model"):
        raise LeftOutError(f"of another kind ({kind})")
    if fields.get("error"):
        raise LeftOutError("failed")
    inputs, outputs, extra = (_table(fields.get(name)) for name in ("inputs", "outputs", "extra"))
    invocation, metadata = _table(extra.get("invocation_params")), _table(extra.get("metadata"))
    beside = {name: inputs[name] for name in PARAMS & inputs.keys()}
    given = {name: value for name, value in {**invocation, **beside}.items() if name in PARAMS}
    begin = moment_of(fields.get("start_time"))
    models = (invocation.get("model"), invocation.get("model_name"), inputs.get("model"), metadata.get("ls_model_name"))
    model = next((name for name in models if isinstance(name, str) and name), "")
    return LoggedCall(
        where=entry.where,
        format=NAME,
        model=model,
        messages=messages_of(
            inputs.get("messages") or inputs.get("prompts") or inputs.get("prompt") or inputs.get("input")
        ),
        params=sent_params(given) if invocation or beside else None,
        answer=_answer(outputs, model, fields),
        at=begin,
        latency_s=seconds_between(begin, moment_of(fields.get("end_time"))),
        ttft_s=seconds_between(begin, moment_of(fields.get("first_token_time"))),
        cost_usd=cost_of(fields.get("total_cost")),
    )


def _table(value: Any) -> dict[str, Any]:
    value = decoded(value)
    return value if isinstance(value, dict) else {}


def _answer(outputs: dict[str, Any], model: str, fields: dict[str, Any]) -> dict[str, Any] | None:
    usage = usage_of(fields.get("prompt_tokens"), fields.get("completion_tokens"), fields.get("total_tokens"))
    if "choices" in outputs:
        return outputs if outputs.get("usage") or not usage else {**outputs, "usage": usage}
    if generations := outputs.get("generations"):
        return _generated(generations, model, usage)
    found = outputs.get("message") or outputs.get("output") or (outputs if outputs.get("role") else None)
    if isinstance(found, dict) and ("role" in found or "type" in found):
        return completion(message_of(found), model=model, usage=usage)
    return completion(found, model=model, usage=usage) if isinstance(found, str) else None


def _generated(generations: Any, model: str, usage: Any) -> dict[str, Any] | None:
    """Return the first generation of LangChain; several texts to one prompt are alternatives."""
    first = generations
    while isinstance(first, list) and first:
        first = first[0]
    if not isinstance(first, dict):
        return None
    details = _table(first.get("generation_info"))
    message = message_of(first["message"]) if isinstance(first.get("message"), dict) else first.get("text")
    return completion(message, model=model, finish=details.get("finish_reason"), usage=usage) if message else None
