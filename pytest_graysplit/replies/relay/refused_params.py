"""The error for a parameter that a model refuses, with the lines that leave it out. Pure functions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_graysplit.errors import RelayError
from pytest_graysplit.formatting.display import toml_key
from pytest_graysplit.replies.relay.failures import RENAMED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_graysplit.config.arms import Arm
    from pytest_graysplit.replies.relay.failures import RelayFailure
    from pytest_graysplit.types import Json


def is_of_the_arm(param: str, arm: Arm, body: Mapping[str, Json]) -> bool:
    """Tell whether a parameter of a request is that of all requests of the arm, and not that of one case."""
    if param not in arm.params or param not in body:
        return False
    return param == "seed" or arm.params[param] == body[param]  # each sample has a seed of its own


def param_refused(failure: RelayFailure, arm: Arm, param: str) -> RelayError:
    """Return the error for a parameter that every request of the arm has and its model refuses, with lines to write."""
    if arm.metric and param in arm.own_params:
        where, lines = f"[tool.graysplit.{arm.metric}]", [_params_line(arm.own_params, arm, param)]
        how = "nothing more was sent; leave it out for this metric, in pyproject.toml:"
    else:
        where, lines = f"[tool.graysplit.arms.{toml_key(arm.name)}]", list(_arm_lines(arm, param))
        how = "nothing more was sent; leave it out for this arm, in pyproject.toml:"
        if arm.is_configured:
            how = "nothing more was sent; leave it out for this arm, with these lines in its table of pyproject.toml:"
    asker = f"{arm.name}, asked by the metric {arm.metric}," if arm.metric else arm.name
    return RelayError(
        f"{asker} refuses the parameter {param}: {failure.problem}",
        hint="\n".join([how, *(f"    {line}" for line in (where, *lines)), ""]),
        slug=failure.slug,
    )


def _arm_lines(arm: Arm, param: str) -> Iterator[str]:
    if arm.name == arm.model:  # it may not have a table yet
        yield f"model = {_toml(arm.model)}"
    yield f"unset = {_toml([*arm.unset, param])}"
    if _new_name(arm, param):
        own = {name: value for name, value in arm.params.items() if name not in arm.own_params}
        yield _params_line(own if arm.metric else arm.own_params, arm, param)


def _params_line(own: Mapping[str, Json], arm: Arm, param: str) -> str:
    """Return the line with the parameters that stay, and the refused one under its new name."""
    params, note = {name: value for name, value in own.items() if name not in {*arm.unset, param}}, ""
    if new_name := _new_name(arm, param):
        params[new_name] = arm.params[param]
        note = f"  # {'with ' if len(params) > 1 else ''}its new name"
    return f"params = {_toml(params)}{note}"


def _new_name(arm: Arm, param: str) -> str:
    """Return the new name of a renamed parameter; empty where the arm uses it already, or has removed it."""
    new_name = RENAMED.get(param, "")
    return "" if new_name in arm.params or new_name in arm.unset else new_name


def _toml(value: Json) -> str:
    """Write a value on one line of TOML, whose texts and numbers are those of JSON."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{toml_key(name)} = {_toml(part)}' for name, part in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False)
