"""The list of models, answered without a relay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.gateway.app_run import MODELS
from pytest_graysplit.gateway.call_answer import CallAnswer

if TYPE_CHECKING:
    from pytest_graysplit.gateway.app_run import AppRun


def models_answer(run: AppRun, path: str) -> CallAnswer:
    """Return the list of the models that are swapped, or one model by its name: an application may only ask for one."""
    import msgspec

    name = path.removeprefix(MODELS).removeprefix("/")
    if name:
        return CallAnswer.of(200, msgspec.json.encode(_model(name)))
    rows = [_model(name) for name in sorted(run.swapped)]
    listed = {"object": "list", "data": rows, "has_more": False}
    return CallAnswer.of(200, msgspec.json.encode(listed))


def _model(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "pytest-graysplit"}
