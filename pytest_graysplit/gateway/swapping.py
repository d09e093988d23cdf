"""The body that an arm sends in place of an application's: the arm's parameters and system prompt win."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_graysplit.config.arms import SYSTEM_ROLES
from pytest_graysplit.replies.relay.usage import object_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_graysplit.config.arms import Arm
    from pytest_graysplit.types import Json, Route

_TOKEN_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
# The name of the limit on tokens by route; the table of an arm names it as in chat.
_LIMIT_OF: Mapping[Route, str] = {"responses": "max_output_tokens", "messages": "max_tokens"}
# How the answer is sent is the application's choice: it reads nothing else.
_OF_APPLICATION = frozenset({"model", "stream"})
# The parameters of an arm that its requests for vectors have; all others are about answers.
_OF_EMBEDDINGS = frozenset({"dimensions", "encoding_format"})


def swapped_body(arm: Arm, body: Mapping[str, Json], route: Route) -> dict[str, Json]:
    """Return the body without its model, as the arm sends it.

    The parameters of the arm's own table override those of the application; the options of the run do not.
    """
    unset = {"model", *arm.unset} - {"stream"}
    sent = {name: value for name, value in body.items() if name not in unset}
    for name, value in arm.own_params.items():
        if name not in unset | _OF_APPLICATION:
            _set_param(sent, name, value, route)
    if arm.system is not None:
        _set_system(sent, arm, route)
    return sent


def _set_param(sent: dict[str, Json], name: str, value: Json, route: Route) -> None:
    """Set a parameter under the name that it has on this route."""
    if route == "embeddings" and name not in _OF_EMBEDDINGS:
        return
    if name in _TOKEN_LIMITS:
        for other in _TOKEN_LIMITS:
            sent.pop(other, None)
        name = _LIMIT_OF.get(route, name)
    if route == "responses" and name == "reasoning_effort":
        name, value = "reasoning", {**object_of(sent.get("reasoning")), "effort": value}
    sent[name] = value


def _set_system(sent: dict[str, Json], arm: Arm, route: Route) -> None:
    if route == "messages":
        sent["system"] = arm.system
    elif route == "responses":
        sent["instructions"] = arm.system
        if isinstance(given := sent.get("input"), list):
            sent["input"] = _without_system(given)
    elif route == "chat" and isinstance(messages := sent.get("messages"), list):
        readable: Any = [message for message in messages if isinstance(message, dict)]
        sent["messages"] = [dict(message) for message in arm.with_system(readable)]


def _without_system(items: list[Json]) -> list[Json]:
    """Return the input of a response without the system messages that it begins with."""
    begin = next((at for at, item in enumerate(items) if object_of(item).get("role") not in SYSTEM_ROLES), len(items))
    return items[begin:]
