"""Parameters of requests, from the options of a test, the config of a prompt, and the config of a provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_graysplit.cases.promptfoo.sources import NotCarriedError

if TYPE_CHECKING:
    from pytest_graysplit.cases.promptfoo.suite import Suite

PARAMS = (
    "temperature", "max_tokens", "max_completion_tokens", "top_p", "seed", "stop", "response_format", "tools",
    "tool_choice", "functions", "function_call", "parallel_tool_calls", "reasoning_effort", "verbosity",
    "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs", "top_k", "min_p",
)  # fmt: skip


def take_params(suite: Suite, table: dict[str, Any], location: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split a table into the parameters of requests, with their files read, and the rest."""
    params: dict[str, Any] = {}
    for name in (one for one in PARAMS if table.get(one) is not None):
        with suite.counting(f"{location}.{name}"):
            params[name] = _checked(name, _loaded(suite, table[name]))
    return params, {name: value for name, value in table.items() if name not in PARAMS}


def tool_names(params: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the tools and functions that a request declares."""
    tools, functions = params.get("tools"), params.get("functions")
    declared = [tool["function"] for tool in tools or ()]
    declared += [one for one in functions if isinstance(one, dict)] if isinstance(functions, list) else []
    return tuple(one["name"] for one in declared if isinstance(one.get("name"), str) and one["name"].strip())


def _loaded(suite: Suite, value: Any) -> Any:
    value = suite.loaded(value)
    if isinstance(value, list):
        return [_loaded(suite, one) for one in value]
    return {name: _loaded(suite, one) for name, one in value.items()} if isinstance(value, dict) else value


def _checked(name: str, value: Any) -> Any:
    if name == "tools" and not (isinstance(value, list) and all(_is_function(tool) for tool in value)):
        raise NotCarriedError("is not a list of tools in the form of OpenAI")
    return value


def _is_function(tool: Any) -> bool:
    return isinstance(tool, dict) and isinstance(tool.get("function"), dict)
